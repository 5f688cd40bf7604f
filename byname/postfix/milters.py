"""Lists of milters as Postfix writes them, and which of Byname's sockets an item means. Pure.

An item is ``unix:PATH`` or ``inet:HOST:PORT``, or one of these in braces with options behind it (Postfix 3.0).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from byname.postfix.machine import Postfix, Service, items
from conf.listen import InetSocket, Socket, UnixSocket, parse_socket
from conf.settings import Settings

ROLES = ("inbound", "submission", "local", "internal")


@dataclass(frozen=True, slots=True)
class Milter:
    """One item of a list of milters."""

    text: str
    place: str
    options: Mapping[str, str] = field(default_factory=dict)


def parse_milters(value: str) -> tuple[Milter, ...]:
    """Read a list of milters."""
    return tuple(_milter(text) for text in items(value))


def write_milters(milters: Iterable[Milter]) -> str:
    """Return the list, without blanks: ``postconf -P`` takes none (measured, 3.7)."""
    return ",".join(milter.text for milter in milters)


def milter(place: str, options: Mapping[str, str]) -> Milter:
    """Return an item of its own writing."""
    inner = ",".join([place, *(f"{name}={value}" for name, value in options.items())])
    return Milter(f"{{{inner}}}" if options else place, place, options)


def _milter(text: str) -> Milter:
    first, *rest = items(text.strip("{}")) or ("",)
    options = (option.partition("=") for option in rest)
    joined = ",".join([first, *rest])
    return Milter(f"{{{joined}}}" if text.startswith("{") else text, first, {name: value for name, _, value in options})


def place_in_postfix(socket: Socket, postfix: Postfix, services: Iterable[Service]) -> str | None:
    """Return how Postfix's services write a socket; None when a chroot hides it from one of them.

    A path below the queue directory is written from there: right in a chroot and out of it.
    """
    if isinstance(socket, InetSocket):
        return f"inet:{socket.host}:{socket.port}"
    path = PurePosixPath(socket.path)
    if path.is_relative_to(postfix.queue):
        return f"unix:{path.relative_to(postfix.queue)}"
    return None if any(service.chrooted for service in services) else f"unix:{path}"


def role_of(place: str, postfix: Postfix, settings: Settings) -> str | None:
    """Return the role of Byname's milter at a place that Postfix names; None when it is somebody else's."""
    found = {socket_of(place, postfix.queue, chrooted=chrooted) for chrooted in (False, True)} - {None}
    return next((role for role in ROLES if milter_socket(settings, role) in found), None)


def milter_socket(settings: Settings, role: str) -> Socket | None:
    """Return where the milter of a role listens; None when it has no place."""
    text = settings.value(f"milter.{role}")
    return None if text is None else parse_socket(str(text))


def socket_of(place: str, queue: Path, *, chrooted: bool = False) -> Socket | None:
    """Return the socket that ``unix:PATH`` or ``inet:HOST:PORT`` means to a service; None when it is neither."""
    kind, _, rest = place.partition(":")
    if kind == "unix" and rest:
        return UnixSocket(str(queue / rest.lstrip("/")) if chrooted or not rest.startswith("/") else rest)
    host, _, port = rest.rpartition(":")
    if kind == "inet" and host and port.isdigit():
        return InetSocket(host.strip("[]"), int(port))
    return None
