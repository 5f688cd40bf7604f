"""Netstrings (https://cr.yp.to/proto/netstrings.txt), the frame of the socketmap protocol. No I/O here."""

LONGEST = 100_000  # bytes within one netstring, socketmap_table(5)
_DIGITS = frozenset(b"0123456789")


class NetstringError(ValueError):
    """The stream is no sequence of netstrings; nothing after this point can be understood."""


def encode(content: bytes) -> bytes:
    """Return ``content`` as a netstring.

    Raises:
        NetstringError: more than :data:`LONGEST` bytes, which no Postfix would take.
    """
    if len(content) > LONGEST:
        raise NetstringError(f"{len(content)} bytes are more than {LONGEST}")
    return b"%d:%s," % (len(content), content)


class Decoder:
    """Takes a stream apart, however it was cut on its way. Never holds more than one netstring and one read."""

    def __init__(self, longest: int = LONGEST) -> None:
        """Refuse netstrings of more than ``longest`` bytes before they are read."""
        self._longest = longest
        self._buffer = bytearray()

    def receive(self, data: bytes) -> None:
        """Add bytes from the wire."""
        self._buffer += data

    @property
    def is_empty(self) -> bool:
        """True between two netstrings: where a peer may rightly go away."""
        return not self._buffer

    def next_string(self) -> bytes | None:
        """Return the next whole netstring's content, or None when more bytes are needed.

        Raises:
            NetstringError: a length that is missing, negative, has leading zeros or exceeds the limit; no comma at
                the end. Every later call raises it again.
        """
        colon = self._colon()
        if colon is None:
            return None
        end = colon + 1 + int(self._buffer[:colon])
        if len(self._buffer) <= end:
            return None
        if self._buffer[end] != ord(","):
            raise NetstringError("no comma at the end")
        content = bytes(self._buffer[colon + 1 : end])
        del self._buffer[: end + 1]
        return content

    def _colon(self) -> int | None:
        """Return where the length ends, having checked the length; None while only digits have come."""
        most = len(str(self._longest))
        head = self._buffer[: most + 1]
        digits = next((index for index, byte in enumerate(head) if byte not in _DIGITS), len(head))
        if digits == 0 and head:
            raise NetstringError("no length at the start")
        if digits > 1 and head[0] == ord("0"):
            raise NetstringError("a length with a leading zero")
        if digits > most or (digits and int(head[:digits]) > self._longest):
            raise NetstringError(f"a length of more than {self._longest}")
        if digits == len(head):
            return None
        if head[digits] != ord(":"):
            raise NetstringError("no colon after the length")
        return digits
