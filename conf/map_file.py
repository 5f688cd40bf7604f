"""The file of hosted domains that Postfix reads itself (``[maps] export``), and the list that lies beside it.

The list is for the milters. It names every domain that Postfix may take for a hosted one by that file: those in it, and
for an hour those that have left it, because a running smtpd remembers the answer for an address (docs/facts.md,
"Milter and Postfix"). It is written before the file, so that it never lacks one. A line is a domain; one that has
left has a tab and the moment after it, in seconds since 1970.
"""

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from conf.problems import ConfigError, Problem

KINDS = ("lmdb", "cdb")
REMEMBERED = 3600.0  # seconds for which a domain that left the file is on the list

Listed = Literal["listed", "left", "not-listed", "unknown"]

_SAMPLE = "lmdb:/var/spool/postfix/byname/domains"
_RULE = f"must be lmdb: or cdb: and the absolute path of a file without its ending ({_SAMPLE})"


@dataclass(frozen=True, slots=True)
class MapFile:
    """A table of Postfix's, as main.cf names it."""

    kind: str  # of KINDS
    path: Path  # without the ending that Postfix adds

    def __str__(self) -> str:
        return f"{self.kind}:{self.path}"

    @property
    def file(self) -> Path:
        """The file itself."""
        return self.path.with_name(f"{self.path.name}.{self.kind}")

    @property
    def listing(self) -> Path:
        """The list for the milters."""
        return self.path.with_name(f"{self.path.name}.listed")


def parse_map_file(text: str) -> MapFile:
    """Read ``lmdb:/path`` or ``cdb:/path``.

    Raises:
        ValueError: it is neither; the message is the rule.
    """
    kind, colon, path = text.partition(":")
    is_fit = path.startswith("/") and not path.endswith(("/", *(f".{one}" for one in KINDS)))
    if kind not in KINDS or not colon or not is_fit or any(char.isspace() or char == "," for char in path):
        raise ValueError(_RULE)
    return MapFile(kind, Path(path))


def require_folder(place: MapFile) -> None:
    """Return if files can be made where the file shall lie.

    Raises:
        ConfigError: they cannot.
    """
    folder = place.path.parent
    if not folder.is_dir():
        raise bad_setting(f"there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise bad_setting(f"the folder {folder} cannot be written by this user")


def bad_setting(rule: str) -> ConfigError:
    """Return the error of a setting that cannot be followed here."""
    return ConfigError([Problem("settings", "maps.export", rule)])


def write_list(place: MapFile, hosted: Collection[str], left: Mapping[str, float]) -> None:
    """Replace the list at once. ``left``: when a domain left the file. Raises OSError: the old list stays."""
    lines = [f"{name}\n" for name in sorted(hosted)]
    lines += [f"{name}\t{moment:.0f}\n" for name, moment in sorted(left.items()) if name not in hosted]
    replace_file(place.listing, "".join(lines))


def replace_file(path: Path, text: str) -> None:
    """Write a file that everybody may read, and put it in the place of another at once. Raises OSError."""
    made = path.with_name(f".{path.name}.new")
    with made.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)


def read_list(place: MapFile) -> tuple[frozenset[str], dict[str, float]]:
    """Return what the list says: the domains, and when others left the file.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError: it is none.
    """
    hosted, left = set[str](), dict[str, float]()
    for line in place.listing.read_text(encoding="utf-8").splitlines():
        name, tab, moment = line.partition("\t")
        if tab:
            left[name] = float(moment)
        else:
            hosted.add(name)
    return frozenset(hosted), left


class ListedDomains:
    """The list as a milter asks it: read again when it was replaced. Safe to share between threads."""

    def __init__(self, place: MapFile, wall_clock: Callable[[], float] = time.time) -> None:
        self._place = place
        self._wall_clock = wall_clock
        self._known: tuple[object, frozenset[str], Mapping[str, float]] = (None, frozenset(), {})

    def __call__(self, domain: str) -> Listed:
        """Return what the list says of a domain in its canonical form; "unknown" without a list."""
        try:
            hosted, left = self._read()
        except (OSError, ValueError):
            return "unknown"
        if domain in hosted:
            return "listed"
        return "left" if self._wall_clock() - left.get(domain, 0.0) < REMEMBERED else "not-listed"

    def _read(self) -> tuple[frozenset[str], Mapping[str, float]]:
        found = self._place.listing.stat()
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        known, hosted, left = self._known
        if seen != known:
            hosted, left = read_list(self._place)
            self._known = (seen, hosted, left)
        return hosted, left
