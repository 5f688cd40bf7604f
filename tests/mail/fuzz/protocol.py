"""Made-up sessions in the milter protocol with a real milter process.

A session is what an MTA may say, any bytes in it: negotiations of several kinds, transactions one after the other,
aborted or cut off anywhere, fields sent in one go. Some are none of that: frames that make no sense. Then only the next
session must be answered.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from bench.load.milter_client import NO_REPLY, NOT_SENT, OFFER, Answer, MilterClient, ProtocolError, frame, nul_strings
from routing.limits import MOST_NAMES, most_actions
from routing.policy import Policy
from tests.mail.fuzz.content import LOGINS, LONGEST_FIELD, header, long_field, octets, path
from tests.mail.fuzz.process import Watched
from tests.mail.fuzz.report import Limits, Report
from tests.mail.world import JOHN

_MESSAGE = 10_240_000  # Postfix's message_size_limit by default
# What an MTA offers, by its age: the last one knows protocol version 2 only, and no SMFIF_SETSYMLIST.
_ACTIONS, _STEPS = (0x1FF, 0x1FF, 0x0FF), (0x1FFFFF, 0x1FFFFF, 0x1FFFFF & ~0x80, 0x1FFFFF & ~0x100000, 0x7F)
_MOST_ACTIONS = most_actions(Policy())


class Left(Exception):
    """The MTA of this session goes away here."""


@dataclass(slots=True)
class Session:
    """One made-up connection."""

    name: str  # seed and number: the same name gives the same session
    address: str
    milter: Watched
    report: Report
    limits: Limits
    is_heavy: bool = False  # with as many recipients or fields as an MTA may pass on

    def play(self) -> None:
        """Play it, and note what went wrong."""
        source = random.Random(self.name)
        if not self.is_heavy and source.random() < 0.05:
            self._talk_nonsense(source)
            return
        try:
            with MilterClient(self.address, self.limits.reply) as mta:
                Conversation(self, mta, source).run()
        except TimeoutError:
            self.report.violate(self.name, f"{self.milter.role}: no reply within {self.limits.reply} s")
        except (ProtocolError, OSError) as error:
            self.report.violate(self.name, f"{self.milter.role}: {error!r}")

    def _talk_nonsense(self, source: random.Random) -> None:
        """Send frames that no MTA sends. What comes back does not matter."""
        try:
            with MilterClient(self.address, self.limits.reply) as mta:
                if source.random() < 0.8:
                    mta.negotiate()
                for _ in range(source.randint(1, 30)):
                    mta.send_frames(_nonsense(source))
                mta.hang_up()
        except OSError:  # libmilter does not put up with all of it
            pass


class Conversation:
    """What an MTA says over one connection, and how it judges the answers."""

    def __init__(self, session: Session, mta: MilterClient, source: random.Random) -> None:
        self._session = session
        self._mta = mta
        self._source = source
        self._role = session.milter.role.partition("-")[0]
        self._accepted = 0
        self._knows_data = True  # DATA is an event since version 4

    def run(self) -> None:
        """Say it all."""
        actions, steps = self._source.choice(_ACTIONS), self._source.choice(_STEPS)
        self._knows_data = bool(steps & NOT_SENT["T"])
        self._mta.negotiate(OFFER[:4] + actions.to_bytes(4, "big") + steps.to_bytes(4, "big"))
        self._say("C", octets(self._source, 20) + b"\x004\x61\xa8192.0.2.1\0")
        self._say("H", octets(self._source, 20) + b"\0")
        try:
            for _ in range(self._source.choice((1, 1, 1, 2, 3))):
                self._transaction()
                self._mta.abort()
        except Left:
            self._mta.hang_up()

    def _transaction(self) -> None:
        if self._mail().code != 250:
            return
        self._accepted = 0
        for _ in range(self._recipients()):
            self._accepted += self._recipient().code == 250
            self._perhaps_leave(0.0 if self._session.is_heavy else 0.01)
        if self._accepted and self._source.random() > 0.1:
            self._message()

    def _mail(self) -> Answer:
        sender = self._source.choice((JOHN, JOHN, "", path(self._source)))
        macros = {"{mail_addr}": sender if self._source.random() < 0.9 else path(self._source), "i": "4Fuzz"}
        if self._role == "submission" or self._source.random() < 0.03:
            macros["{auth_authen}"] = JOHN if self._source.random() < 0.7 else self._login()
        return self._say("M", nul_strings(f"<{sender}>", *self._parameters()), macros)

    def _recipient(self) -> Answer:
        name = f"any-{self._source.random()}@brand-b.test" if self._session.is_heavy else path(self._source)
        macros = {"{rcpt_addr}": name if self._source.random() < 0.9 else path(self._source), "i": "4Fuzz"}
        return self._say("R", nul_strings(f"<{name}>", *self._parameters()), macros)

    def _message(self) -> None:
        before = self._session.milter.cpu_ms()
        if self._knows_data:
            self._say("T", b"")
        self._fields()
        self._perhaps_leave(0.02)
        self._mta.changes = []
        last = self._say("N", b"", {"i": "4Fuzz"}, "end of header")
        if last.code == 250:
            last = self._say("E", b"", {"i": "4Fuzz"}, "end of message")
        spent = self._session.milter.cpu_ms() - before
        self._measure("ms CPU for header and end", spent)
        self._measure("actions", len(self._mta.changes))
        if len(self._mta.changes) > _MOST_ACTIONS:
            self._session.report.violate(self._session.name, f"{len(self._mta.changes)} actions")

    def _fields(self) -> None:
        fields = header(self._source)
        if self._session.is_heavy and self._source.random() < 0.5:
            many = self._source.choice((1, 17, _MESSAGE // LONGEST_FIELD))
            one = long_field(self._source)
            fields += [one if self._source.random() < 0.9 else long_field(self._source) for _ in range(many)]
        if self._mta.declined & NOT_SENT["L"]:
            return
        frames = [frame("L", name + b"\0" + value + b"\0") for name, value in fields]
        if self._mta.declined & NO_REPLY["L"]:
            self._mta.send_frames(b"".join(frames))
            return
        for each in frames:
            self._say("L", each[5:])

    def _say(
        self, letter: str, data: bytes, macros: Mapping[str, str] | None = None, figure: str = "command"
    ) -> Answer:
        before = self._session.milter.cpu_ms()
        answer = self._mta.event(letter, data, macros)
        self._measure(f"ms CPU for one {figure}", self._session.milter.cpu_ms() - before)
        self._session.report.answers[str(answer.code)] += 1
        is_full = answer.text.startswith("452 4.5.3") and self._accepted >= MOST_NAMES
        if answer.letter not in {"c", "y", "r"} or (400 <= answer.code < 500 and not is_full):
            self._session.report.violate(self._session.name, f"{self._session.milter.role}: {letter} got {answer}")
        return answer

    def _measure(self, figure: str, value: float) -> None:
        self._session.report.measure(figure, value, f"{self._session.name}, {self._session.milter.role}")

    def _recipients(self) -> int:
        if self._session.is_heavy:
            return self._source.choice((1, 999, 1010, 2500))
        return self._source.randint(1, 3) if self._source.random() < 0.9 else self._source.randint(4, 40)

    def _parameters(self) -> list[str]:
        wishes = (
            "NOTIFY=NEVER",
            "NOTIFY=success",
            "ORCPT=rfc822;a+2Bb",
            "SIZE=1",
            octets(self._source, 9).decode("latin-1"),
        )
        return [self._source.choice(wishes)] if self._source.random() < 0.2 else []

    def _login(self) -> str:
        return self._source.choice((*LOGINS, octets(self._source, 20).decode("utf-8", "surrogateescape")))

    def _perhaps_leave(self, share: float) -> None:
        if self._source.random() < share:
            raise Left


def _nonsense(source: random.Random) -> bytes:
    letter = source.choice("ADBCEHLMNOQRTUKXZa")
    data = source.choice((b"", b"\0", b"\0v\0", b"M{i}\0x\0", b"x", octets(source, 60), octets(source, 9) + b"\0\0"))
    made = frame(letter, data)
    kind = source.random()
    if kind < 0.9:
        return made
    return source.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1", b"\0\1\0\0")) + made[4:]
