"""The file of hosted domains that Postfix reads itself: who keeps it, and how the milters ask what may be in it."""

import fcntl
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from conf.map_file import ListedDomains, MapFile, bad_setting, parse_map_file, require_folder
from conf.settings import Settings

if TYPE_CHECKING:
    from edges.map_file.exporter import Exporter
    from store.sql.database import Database


def exporter(settings: Settings, database: "Database | None") -> "Exporter | None":
    """Return what keeps the file; None where Postfix asks the socketmap.

    Raises:
        ConfigError: the folder, postmap, or what Postfix needs for that kind of file is missing.
    """
    if settings.maps.export is None or database is None:
        return None
    from edges.map_file.exporter import Exporter
    from edges.map_file.postmap import require_kind

    place = parse_map_file(settings.maps.export)
    require_folder(place)
    require_kind(place)
    _require_alone(place)
    return Exporter(database, place, f"{socket.gethostname()}:{place.path}")


@contextmanager
def keeping(kept: "Exporter | None") -> Iterator[None]:
    """Keep the file for the length of a block."""
    if kept is None:
        yield
        return
    stopped = threading.Event()
    thread = threading.Thread(target=kept.run, args=(stopped,), name="map-file", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(_END)


def health(kept: "Exporter | None") -> Callable[[], Mapping[str, str]]:
    """Return what /readyz says of the file; nothing where there is none."""
    return dict if kept is None else kept.health


def listed(settings: Settings) -> ListedDomains | None:
    """Return what the milters ask; None where Postfix asks the socketmap."""
    return None if settings.maps.export is None else ListedDomains(parse_map_file(settings.maps.export))


def _require_alone(place: MapFile) -> None:
    """Return if no other process keeps the file; none will, until this one ends. Raises ConfigError."""
    try:
        lock = place.path.with_name(f".{place.path.name}.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise bad_setting(f"another process keeps {place}") from error
    except OSError as error:
        raise bad_setting(f"the folder {place.path.parent} cannot be written: {error.strerror}") from error
    _LOCKS.append(lock)


_LOCKS: list[IO[str]] = []  # held for the life of the process
_END = 5.0  # seconds for a change of the file that has begun
