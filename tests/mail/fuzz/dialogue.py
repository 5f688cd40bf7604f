"""Made-up SMTP sessions with a real Postfix, on port 25 or with a login."""

import random
import smtplib
from dataclasses import dataclass

from byname.sandbox.ports import LOOPBACK
from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import logged_in
from tests.mail.fuzz.content import Field, header, long_field, octets, path
from tests.mail.fuzz.report import Limits, Report
from tests.mail.world import JOHN

_BODIES = (b"", b"x\r\n", b"..\r\n", b"a\nb\rc\r\n", b"\xff\xfe\r\n", b"x" * 3000 + b"\r\n", b"\0\r\n")


class Left(Exception):
    """The client of this session goes away here."""


@dataclass(slots=True)
class SmtpSession:
    """One made-up client."""

    name: str
    site: PrivateSite
    report: Report
    limits: Limits
    is_heavy: bool = False

    def play(self) -> None:
        """Play it, and note what went wrong. Postfix hangs up after some of its 5xx and 221."""
        source = random.Random(self.name)
        self._last = 0
        try:
            client = self._connected(source)
        except (OSError, smtplib.SMTPException) as error:
            self.report.violate(self.name, f"no session: {error!r}")
            return
        try:
            for _ in range(source.choice((1, 1, 2, 3))):
                self._transaction(source, client)
        except Left:
            pass
        except TimeoutError:
            self.report.violate(self.name, f"no reply within {self.limits.reply} s")
        except (OSError, smtplib.SMTPException) as error:
            if self._last != 221 and not 500 <= self._last < 600:
                self.report.violate(self.name, f"{error!r} after {self._last}")
        finally:
            client.close()

    _last: int = 0

    def _connected(self, source: random.Random) -> smtplib.SMTP:
        if source.random() < 0.3:
            client = logged_in(self.site, JOHN)
            assert client.sock is not None
            client.sock.settimeout(self.limits.reply)
        else:
            client = smtplib.SMTP(LOOPBACK, self.site.postfix.inbound_port, timeout=self.limits.reply)
            client.ehlo("client.test")
        return client

    def _transaction(self, source: random.Random, client: smtplib.SMTP) -> None:
        sender = source.choice((JOHN, "ann@outside.example", "", path(source)))
        commands = [b"MAIL FROM:" + _path(sender)]
        commands += [b"RCPT TO:" + self._recipient(source) for _ in range(self._recipients(source))]
        if source.random() < 0.1:
            commands.insert(source.randrange(len(commands)), octets(source, 40))
        accepted = self._commands(source, client, commands)
        _perhaps_leave(source, 0.03)
        if accepted and source.random() < 0.95:
            self._data(source, client)
        self._say(client, b"RSET")

    def _commands(self, source: random.Random, client: smtplib.SMTP, commands: list[bytes]) -> bool:
        """Send them, one by one or in one go; return whether a recipient was taken."""
        if source.random() < 0.2 and len(commands) < 50:
            client.send(b"".join(command + b"\r\n" for command in commands))
            codes = [self._reply(client, command) for command in commands]
        else:
            codes = [self._say(client, command) for command in commands]
        return any(code == 250 and command.startswith(b"RCPT") for code, command in zip(codes, commands, strict=True))

    def _data(self, source: random.Random, client: smtplib.SMTP) -> None:
        message = _message(source, is_heavy=self.is_heavy)
        if source.random() < 0.1:
            self._chunks(client, message)
            return
        if self._say(client, b"DATA") != 354:
            return
        client.send(message)
        _perhaps_leave(source, 0.05)
        client.send(b"\r\n.\r\n")
        self._reply(client, b"message")

    def _chunks(self, client: smtplib.SMTP, message: bytes) -> None:
        middle = len(message) // 2
        for part, last in ((message[:middle], b""), (message[middle:], b" LAST")):
            client.send(b"BDAT %d%s\r\n" % (len(part), last) + part)
            self._reply(client, b"BDAT")

    def _say(self, client: smtplib.SMTP, command: bytes) -> int:
        client.send(command + b"\r\n")
        return self._reply(client, command)

    def _reply(self, client: smtplib.SMTP, command: bytes) -> int:
        code, text = client.getreply()
        self._last = code
        self.report.answers[str(code)] += 1
        if code == 421 and text.endswith(b"too many errors"):  # Postfix's smtpd_hard_error_limit, whoever refused
            raise Left
        if 400 <= code < 500 and not text.startswith(b"4.5.3"):
            self.report.violate(self.name, f"{command[:80]!r} got {code} {text!r}")
        if code == -1:
            raise smtplib.SMTPServerDisconnected("no reply line")
        return code

    def _recipients(self, source: random.Random) -> int:
        if self.is_heavy:
            return source.choice((1, 400, 1010))
        return source.randint(1, 3) if source.random() < 0.95 else source.randint(4, 60)

    def _recipient(self, source: random.Random) -> bytes:
        return b"<any-%d@brand-b.test>" % source.randrange(10**9) if self.is_heavy else _path(path(source))


def _path(address: str) -> bytes:
    return b"<" + address.encode("utf-8", "surrogateescape") + b">"


def _message(source: random.Random, *, is_heavy: bool) -> bytes:
    fields: list[Field] = header(source)
    if is_heavy:
        fields += [long_field(source) for _ in range(source.choice((1, 40, 160)))]
    if source.random() < 0.5:
        fields.insert(0, (b"From", b" John <john@brand-a.test>"))
    text = b"".join(name + b":" + value + b"\r\n" for name, value in fields) + b"\r\n" + source.choice(_BODIES)
    return text.replace(b"\r\n.", b"\r\n..")


def _perhaps_leave(source: random.Random, share: float) -> None:
    if source.random() < share:
        raise Left
