"""Values of settings from entries: later sources win, secret files are read, text is typed, errors are explained.

``fields`` maps ``section.key`` to pydantic's description of the setting everywhere here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from conf.problems import Problem
from conf.sections import Secret
from conf.sources import ENVIRONMENT, Entry, Known, read_secret

Fields = Mapping[str, FieldInfo]

# pydantic's error type: the rule as our message; other types keep pydantic's
_RULES = {
    "int_type": "must be a whole number",
    "string_type": "must be text in quotes",
    "tuple_type": "must be a list",
}


def is_secret(field: FieldInfo) -> bool:
    """True for a setting whose value is never shown."""
    return any(isinstance(mark, Secret) for mark in field.metadata)


def known_keys(fields: Fields) -> Known:
    """Return the keys that each section may hold, file forms of secrets included."""
    known: dict[str, list[str]] = {}
    for name, field in fields.items():
        section, _, key = name.partition(".")
        known.setdefault(section, []).extend([key, f"{key}_file"] if is_secret(field) else [key])
    return known


def merge(found: Iterable[Entry | Problem], fields: Fields) -> tuple[dict[str, Entry], list[Problem]]:
    """Return the entry that counts for each setting, the last one, and all problems."""
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for item in found:
        if isinstance(item, Problem):
            problems.append(item)
            continue
        name = _setting(item, fields)
        # A key and its file form in one origin contradict each other; in two origins the later one wins as ever.
        if (earlier := entries.get(name)) and earlier.origin == item.origin:
            problems.append(Problem(item.origin, item.name, f"must not be given together with {earlier.name}"))
        entries[name] = item
    return entries, problems


def resolve(entries: Mapping[str, Entry], fields: Fields) -> tuple[dict[str, object], list[str], list[Problem]]:
    """Return the value of each setting given, the warnings and the problems that reading secret files brought."""
    values: dict[str, object] = {}
    warnings: list[str] = []
    problems: list[Problem] = []
    for name, entry in entries.items():
        if f"{entry.section}.{entry.key}" == name:
            values[name] = _typed(entry, fields[name])
            continue
        secret, warning = read_secret(entry)
        if isinstance(secret, Problem):
            problems.append(secret)
        else:
            values[name] = secret
        warnings += [warning] if warning else []
    return values, warnings, problems


def explain(error: ValidationError, entries: Mapping[str, Entry], fields: Fields) -> Iterator[Problem]:
    """Yield pydantic's findings as problems that name the origin; values are shown, save those of secrets."""
    for details in error.errors(include_url=False):
        name = ".".join(map(str, details["loc"][:2]))
        if entry := entries.get(name):
            yield Problem(entry.origin, entry.name, _rule(details, secret=is_secret(fields[name])))
        else:  # a rule over several settings
            yield Problem("settings", "", _reason(details))


def _setting(entry: Entry, fields: Fields) -> str:
    """Return the setting that an entry is about: ``store.url`` for ``url`` and for ``url_file``."""
    name = f"{entry.section}.{entry.key}"
    return name if name in fields else name.removesuffix("_file")


def _typed(entry: Entry, field: FieldInfo) -> object:
    """Return the value in the type of its setting: the environment knows only text, and no source knows None."""
    if entry.value == "" and field.default is None:
        return None
    if entry.origin != ENVIRONMENT:
        return entry.value
    text = cast("str", entry.value)
    if get_origin(field.annotation) is tuple:
        return [item.strip() for item in text.split(",") if item.strip()]
    if field.annotation is int and re.fullmatch(r"-?[0-9]{1,15}", text):
        return int(text)
    return text


def _rule(details: ErrorDetails, *, secret: bool) -> str:
    value = ascii(details["input"])
    index = details["loc"][2] if len(details["loc"]) > 2 else None
    item = f"item {index + 1} " if isinstance(index, int) else ""
    return f"{item}{_reason(details)}" + ("" if secret or len(value) > 100 else f", not {value}")


def _reason(details: ErrorDetails) -> str:
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    return _RULES.get(details["type"], details["msg"].replace("Input should be", "must be"))
