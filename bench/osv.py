"""A vulnerability database in OSV's form, read from files: which records concern a version of a package.

Source: the OSV schema 1.x (ossf.github.io/osv-schema), as OSV exports it for PyPI: a record a JSON file, in a folder or
in one zip file.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

Record = Mapping[str, Any]


class BadDatabase(Exception):
    """What was given is no vulnerability database; the message says why."""


def read(path: Path) -> dict[str, list[Record]]:
    """Return the records about packages of PyPI by the canonical name of the package.

    Raises:
        BadDatabase: there is no such file or folder, it cannot be read, or it has no record about a package of PyPI.
    """
    found: dict[str, list[Record]] = {}
    try:
        for text in _texts(path):
            record = json.loads(text)
            for name in {name for name, _ in _affected(record)}:
                found.setdefault(name, []).append(record)
    except (OSError, ValueError, zipfile.BadZipFile, KeyError, TypeError, AttributeError) as error:
        raise BadDatabase(f"{path}: {error}") from error
    if not found:
        raise BadDatabase(f"{path}: it has no record about a package of PyPI")
    return found


def concerning(records: Mapping[str, Sequence[Record]], name: str, version: str) -> list[Record]:
    """Return the records by which that version has a hole. Withdrawn ones are left out."""
    wanted = canonicalize_name(name)
    return [
        record
        for record in records.get(wanted, ())
        if "withdrawn" not in record
        and any(package == wanted and _concerns(affected, version) for package, affected in _affected(record))
    ]


def newest(records: Mapping[str, Sequence[Record]]) -> str:
    """Return when the latest change of any record was, as it stands there: how old the database is."""
    return max(str(record.get("modified", "")) for several in records.values() for record in several)


def _texts(path: Path) -> Iterator[bytes]:
    if path.is_dir():
        yield from (file.read_bytes() for file in sorted(path.glob("*.json")))
        return
    with zipfile.ZipFile(path) as archive:
        yield from (archive.read(name) for name in archive.namelist() if name.endswith(".json"))


def _affected(record: Record) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for affected in record.get("affected", ()):
        package = affected.get("package", {})
        if package.get("ecosystem") == "PyPI":
            yield canonicalize_name(package["name"]), affected


def _concerns(affected: Mapping[str, Any], version: str) -> bool:
    if version in affected.get("versions", ()):
        return True
    ranges = [each for each in affected.get("ranges", ()) if each.get("type") == "ECOSYSTEM"]
    return any(_in_range(each.get("events", ()), Version(version)) for each in ranges)


def _in_range(events: Sequence[Mapping[str, str]], version: Version) -> bool:
    """Walk through the events in the order of their versions, as the schema says ("Evaluation")."""
    inside = False
    for at, kind in sorted((_at(value), kind) for event in events for kind, value in event.items() if kind != "limit"):
        if kind == "introduced" and version >= at:
            inside = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            inside = False
    return inside


def _at(value: str) -> Version:
    try:
        return Version(value)  # "0": from the beginning
    except InvalidVersion:
        return Version("0")
