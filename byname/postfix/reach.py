"""Whether a user's process could reach a file, told from owners and modes alone: no access lists, no capabilities."""

import grp
import os
import pwd
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Person:
    """A user with all of their groups, by number."""

    user: int
    groups: frozenset[int]


@dataclass(frozen=True, slots=True)
class Step:
    """A folder on the way, or the socket at its end."""

    path: str
    owner: int
    group: int
    mode: int
    is_end: bool = False


def barred_by(steps: Sequence[Step], person: Person) -> Step | None:
    """Return the first step at which the person is kept out; None when there is none. Pure.

    A folder must let them pass (x); a socket must be writable for them, unix(7).
    """
    return next((step for step in steps if not _lets(step, person)), None)


def _lets(step: Step, person: Person) -> bool:
    bit = stat.S_IWOTH if step.is_end else stat.S_IXOTH
    if person.user == 0:
        return True
    if person.user == step.owner:
        return bool(step.mode & bit << 6)
    return bool(step.mode & (bit << 3 if step.group in person.groups else bit))


def person(name: str) -> Person | None:
    """Return a user of this machine; None when there is no such user."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return Person(found.pw_uid, frozenset(os.getgrouplist(name, found.pw_gid)))


def steps_to(path: Path, start: Path) -> list[Step]:
    """Return the folders from ``start`` on, and what lies at ``path``, which is below it. Raises OSError."""
    between = [folder for folder in reversed(path.parents) if folder.is_relative_to(start)]
    return [*(_step(folder) for folder in between), _step(path, is_end=True)]


def name_of_group(number: int) -> str:
    """Return the name of a group, or its number."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _step(path: Path, *, is_end: bool = False) -> Step:
    found = path.stat()
    return Step(str(path), found.st_uid, found.st_gid, found.st_mode, is_end)
