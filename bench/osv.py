"""A vulnerability database in OSV's form, read from files: which records concern a version of a package.

Source: the OSV schema 1.x (ossf.github.io/osv-schema), in the two forms in which it is published for PyPI: OSV's export
(a record a JSON file) and PyPA's advisory-database (a YAML file below ``vulns/PACKAGE``), as a folder or a zip file.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

Record = Mapping[str, Any]

_ENDINGS = (".json", ".yaml", ".yml")
_AS_WRITTEN = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # every value is text: 2.10 stays another version than 2.1


class BadDatabase(Exception):
    """What was given is no vulnerability database; the message says why."""


def read(path: Path) -> dict[str, list[Record]]:
    """Return the records about packages of PyPI by the canonical name of the package.

    Raises:
        BadDatabase: there is no such file or folder, it cannot be read, or it has no record about a package of PyPI.
    """
    found: dict[str, list[Record]] = {}
    try:
        for record in _records(path):
            for name in {name for name, _ in _affected(record)}:
                found.setdefault(name, []).append(record)
    except (OSError, ValueError, zipfile.BadZipFile, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
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


def _records(path: Path) -> Iterator[Record]:
    """Yield what each file of a record says; other files of a repository are passed over."""
    for name, text in _texts(path):
        found = json.loads(text) if name.endswith(".json") else yaml.load(text, _AS_WRITTEN)
        if isinstance(found, dict):
            yield found


def _texts(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        yield from ((file.name, file.read_bytes()) for file in sorted(path.rglob("*")) if file.name.endswith(_ENDINGS))
        return
    with zipfile.ZipFile(path) as archive:
        yield from ((name, archive.read(name)) for name in archive.namelist() if name.endswith(_ENDINGS))


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
