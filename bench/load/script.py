"""What an MTA sends to a milter for one message, as frames of the protocol."""

import random
import struct
from collections.abc import Mapping, Sequence

from bench.load.milter_client import NO_REPLY, NOT_SENT, OFFER, MilterClient, definitions, frame, nul_strings
from bench.load.names import alias

RCPT = "R"

_FIELDS = (
    ("From", " Ann Other <ann@outside.example>"), ("To", " somebody"), ("Subject", " bench"),
    ("Date", " Mon, 2 Nov 2026 12:00:00 +0000"), ("Message-ID", " <bench@outside.example>"), ("MIME-Version", " 1.0"),
)  # fmt: skip


class Script:
    """What is sent in a session, in portions after each of which the filter has to say something."""

    def __init__(self, filter_: MilterClient, aliases: int, recipients: int, per_pair: int) -> None:
        self._declined, self._macros = filter_.declined, filter_.macros
        self._aliases, self._recipients, self._per_pair = aliases, recipients, per_pair
        fields = [("L", f"{name}\0{value}\0".encode()) for name, value in _FIELDS]
        client = b"client.example\0" + b"4" + struct.pack("!H", 25000) + b"192.0.2.1\0"
        macros = {"{mail_addr}": "ann@outside.example", "{mail_mailer}": "smtp", "{client_addr}": "192.0.2.1"}
        begin = [
            ("C", client),
            ("H", b"client.example\0"),
            self._defined("M", macros),
            ("M", b"<ann@outside.example>\0"),
        ]
        self._begin = self._portions(begin)
        queue_id = self._defined("E", {"i": "4Bench"})
        body = [("T", b""), *fields, ("N", b""), ("B", b"x\r\n"), queue_id, ("E", b"")]
        self._end = self._portions(body)

    def session(self) -> list[tuple[str, bytes]]:
        """Return the portions of one session, each with the letter of the event that is answered."""
        names = (alias(random.randrange(self._aliases), self._per_pair) for _ in range(self._recipients))
        wanted = [portion for name in names for portion in self._portions(self._recipient(name))]
        offer = ("O", frame("O", OFFER))
        return [offer, *self._begin, *wanted, *self._end]

    def _portions(self, events: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """Put together what is sent without waiting."""
        portions: list[tuple[str, bytes]] = []
        gathered = b""
        for letter, data in events:
            if self._declined & NOT_SENT.get(letter[-1], 0):
                continue
            if letter[0] == "D":
                gathered += data
                continue
            gathered += frame(letter, data)
            if not self._declined & NO_REPLY.get(letter, 0):
                portions.append((letter, gathered))
                gathered = b""
        return portions

    def _recipient(self, name: str) -> list[tuple[str, bytes]]:
        return [
            self._defined(RCPT, {"{rcpt_addr}": name, "{rcpt_mailer}": "smtp"}),
            (RCPT, nul_strings(f"<{name}>")),
        ]

    def _defined(self, letter: str, macros: Mapping[str, str]) -> tuple[str, bytes]:
        return f"D{letter}", definitions(letter, macros, self._macros)
