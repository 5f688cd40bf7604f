"""A session with a ManageSieve server (RFC 5804) as the master user, for one mailbox."""

import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from admin_api.filtering.connection import Connection, Patience, Security
from admin_api.filtering.errors import CommandRefused, LoginRefused, ManageSieveError, NoAnswer, ServerUnreachable
from admin_api.filtering.wire import Token, literal, quoted, read_line
from conf.listen import Socket

_LATER = "TRYLATER"
_LONGEST_WORDS = 500  # characters of what a server says that are kept


@dataclass(frozen=True, slots=True)
class Server:
    """A ManageSieve server and who logs in."""

    place: Socket
    security: Security
    tls: ssl.SSLContext | None  # None with security "none"
    master_user: str
    master_password: str = field(repr=False)
    patience: Patience


@dataclass(frozen=True, slots=True)
class Listing:
    """The scripts of a mailbox."""

    names: tuple[str, ...]
    active: str | None


@dataclass(frozen=True, slots=True)
class _Answer:
    status: str  # OK or NO
    code: str
    words: str
    lines: list[list[Token]]


@contextmanager
def session(server: Server, mailbox: str) -> Iterator["Session"]:
    """Log in for ``mailbox``, and out again at the end of the block.

    Raises:
        ServerUnreachable, NoAnswer, LoginRefused: see :mod:`admin_api.filtering.errors`.
    """
    connection = Connection(server.place, server.patience)
    try:
        opened = Session(connection)
        opened.log_in(_secured(opened, connection, server), server, mailbox)
        yield opened
        with suppress(ManageSieveError):
            opened.ask(b"LOGOUT")
    finally:
        connection.close()


class Session:
    """A session whose commands raise CommandRefused for a NO, and NoAnswer when it breaks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def scripts(self) -> Listing:
        """Return the scripts' names, and which is active."""
        lines = [line for line in self.ask(b"LISTSCRIPTS").lines if line and line[0].kind == "text"]
        names = [(_text(line[0]), any(_is_atom(token, b"ACTIVE") for token in line[1:])) for line in lines]
        return Listing(tuple(name for name, _ in names), next((name for name, active in names if active), None))

    def content(self, name: str) -> bytes:
        """Return a script, byte for byte."""
        lines = self.ask(b"GETSCRIPT " + quoted(name)).lines
        if len(lines) != 1 or len(lines[0]) != 1 or lines[0][0].kind != "text":
            raise NoAnswer("the server did not send the script")
        return lines[0][0].value

    def put(self, name: str, content: bytes) -> None:
        """Keep a script; the server looks at it first, and refuses what it cannot run."""
        self.ask(b"PUTSCRIPT " + quoted(name) + b" " + literal(content))

    def activate(self, name: str | None) -> None:
        """Make a script the one that runs; None: none does."""
        self.ask(b"SETACTIVE " + quoted(name or ""))

    def delete(self, name: str) -> None:
        """Remove a script that is not active."""
        self.ask(b"DELETESCRIPT " + quoted(name))

    def log_in(self, capabilities: dict[str, str], server: Server, mailbox: str) -> None:
        """Log in by SASL PLAIN (RFC 4616): the master user is authenticated, the mailbox authorized."""
        if "PLAIN" not in capabilities.get("SASL", "").upper().split():
            raise LoginRefused("the server does not offer the login by PLAIN")
        claim = b64encode("\0".join((mailbox, server.master_user, server.master_password)).encode())
        try:
            self.ask(b'AUTHENTICATE "PLAIN" "' + claim + b'"')
        except CommandRefused as refused:
            raise LoginRefused(f"the server does not let the master user in for this mailbox: {refused}") from None

    def start_tls(self, tls: ssl.SSLContext) -> dict[str, str]:
        """Go on in TLS, and return what the server can do then."""
        self.ask(b"STARTTLS")
        self._connection.secure(tls)
        return self.greeting()

    def greeting(self) -> dict[str, str]:
        """Read what the server says unasked, and return what it can do."""
        self._connection.expect_answer()
        lines = [line for line in self._read().lines if line]
        return {_text(line[0]).upper(): _text(line[1]) if len(line) > 1 else "" for line in lines}

    def ask(self, command: bytes) -> _Answer:
        """Send a command and return its answer."""
        self._connection.expect_answer()
        self._connection.send(command + b"\r\n")
        return self._read()

    def _read(self) -> _Answer:
        lines: list[list[Token]] = []
        while True:
            line = self._line()
            if line and line[0].kind == "atom":
                return _answered(line, lines)
            lines.append(line)

    def _line(self) -> list[Token]:
        tokens: list[Token] = []
        size: int | None = 0
        while size is not None:
            try:
                read, size = read_line(self._connection.line())
            except ValueError:
                raise NoAnswer("the server does not speak ManageSieve") from None
            tokens += read
            if size is not None:
                tokens.append(Token("text", self._connection.block(size)))
        return tokens


def _secured(opened: Session, connection: Connection, server: Server) -> dict[str, str]:
    """Return what the server can do once the connection is as safe as it is to be."""
    try:
        if server.security == "implicit" and server.tls is not None:
            connection.secure(server.tls)
        capabilities = opened.greeting()
        if server.security != "starttls" or server.tls is None:
            return capabilities
        if "STARTTLS" not in capabilities:
            raise ServerUnreachable("the server does not offer STARTTLS")
        return opened.start_tls(server.tls)
    except (NoAnswer, CommandRefused) as error:
        raise ServerUnreachable(str(error)) from None


def _answered(line: list[Token], lines: list[list[Token]]) -> _Answer:
    status = line[0].value.decode("ascii", "replace").upper()
    code = next((token.value.decode("utf-8", "replace") for token in line if token.kind == "code"), "")
    words = next((_words(token.value) for token in line[1:] if token.kind == "text"), "")
    if status == "OK":
        return _Answer(status, code, words, lines)
    if status == "NO" and code.upper() != _LATER:
        raise CommandRefused(code, words or code or "refused without a reason")
    if status in {"NO", "BYE"}:
        raise NoAnswer(f"the server says {status}: {words or code}")
    raise NoAnswer("the server does not speak ManageSieve")


def _words(text: bytes) -> str:
    plain = "".join(char if char.isprintable() else " " for char in text.decode("utf-8", "replace"))
    return " ".join(plain.split())[:_LONGEST_WORDS]


def _text(token: Token) -> str:
    try:
        return token.value.decode()
    except UnicodeDecodeError:
        raise NoAnswer("the server does not write UTF-8") from None


def _is_atom(token: Token, name: bytes) -> bool:
    return token.kind == "atom" and token.value.upper() == name
