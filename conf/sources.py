"""Sources of settings: TOML files, the environment and secret files, read into entries with their origin."""

import re
import stat
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from conf.problems import Problem, closest

ENVIRONMENT = "environment"
PREFIX = "BYNAME_"

Known = Mapping[str, Collection[str]]  # the keys of each section, <key>_file included

_TOML_PLACE = re.compile(r"(?P<what>.*) \(at (?P<place>[^()]*)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One value as it was found."""

    origin: str  # a file name, or ENVIRONMENT
    section: str
    key: str
    value: object

    @property
    def name(self) -> str:
        """The key as it is written at its origin."""
        return _written(self.origin, self.section, self.key)


def config_files(path: Path) -> Iterator[Path | Problem]:
    """Yield the files of ``conf.d/`` beside ``path`` in the order of their names, without hidden ones."""
    folder = path.parent / "conf.d"
    try:
        found = sorted(file for file in folder.iterdir() if file.suffix == ".toml" and not file.name.startswith("."))
    except FileNotFoundError:
        return
    except OSError as error:
        yield Problem(str(folder), "", f"cannot be read: {error.strerror}")
    else:
        yield from found


def from_file(path: Path, known: Known, *, required: bool = True) -> Iterator[Entry | Problem]:
    """Yield what a TOML file says, and what is wrong with it as far as that shows without looking at values."""
    origin = str(path)
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        if required or not isinstance(error, FileNotFoundError):
            yield Problem(origin, "", f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        yield Problem(origin, "", "cannot be read: it is not UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        yield Problem(origin, "", _toml_rule(str(error)))
    else:
        for section, table in tables.items():
            yield from _from_table(origin, section, table, known)


def from_environment(environ: Mapping[str, str], known: Known) -> Iterator[Entry | Problem]:
    """Yield what ``BYNAME_SECTION__KEY`` variables say. Other variables are not ours, save a misspelt one of these."""
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        section, separator, key = variable.removeprefix(PREFIX).lower().partition("__")
        entry = Entry(ENVIRONMENT, section, key, environ[variable])
        if separator:
            yield _unknown(entry, known) or entry
        elif meant := _with_two_underscores(variable, known):
            yield Problem(ENVIRONMENT, variable, "needs two underscores between section and key", meant)


def read_secret(entry: Entry) -> tuple[str | Problem, str | None]:
    """Return the text of the file that a ``<key>_file`` entry names, or its problem; then a warning, if any."""
    if not isinstance(entry.value, str) or not entry.value.startswith("/"):
        return Problem(entry.origin, entry.name, "must be the absolute path of a file"), None
    path = Path(entry.value)
    try:
        text = path.read_text("utf-8").strip()
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        return Problem(entry.origin, entry.name, f"{path} cannot be read: {reason}"), None
    if not text:
        return Problem(entry.origin, entry.name, f"{path} is empty"), None
    return text, f"{path}: any user can read this secret; chmod o= is right" if mode & stat.S_IROTH else None


def _toml_rule(message: str) -> str:
    """Put the place first: ``line 3, column 7: not valid TOML: ...``."""
    match = _TOML_PLACE.fullmatch(message)
    return f"{match['place']}: not valid TOML: {match['what']}" if match else f"not valid TOML: {message}"


def _from_table(origin: str, section: str, table: object, known: Known) -> Iterator[Entry | Problem]:
    if not isinstance(table, dict):
        meant = _home_of(origin, section, known)
        yield Problem(origin, section, "must stand below the [section] it belongs to", meant)
    elif section not in known:
        meant = closest(section, known)
        yield Problem(origin, f"[{section}]", "unknown section", f"[{meant}]" if meant else None)
    else:
        for entry in (Entry(origin, section, key, value) for key, value in table.items()):
            yield _unknown(entry, known) or entry


def _unknown(entry: Entry, known: Known) -> Problem | None:
    """Return the problem of an entry that names no setting, with the one that was likely meant."""
    if entry.key in known.get(entry.section, ()):
        return None
    section = entry.section if entry.section in known else closest(entry.section, known)
    key = closest(entry.key, known[section]) if section else None
    meant = _written(entry.origin, section, key) if section and key else _home_of(entry.origin, entry.key, known)
    return Problem(entry.origin, entry.name, "unknown key" if section == entry.section else "unknown section", meant)


def _home_of(origin: str, key: str, known: Known) -> str | None:
    """Return the full name of ``key`` when a single section has it."""
    homes = [section for section, keys in known.items() if key in keys]
    return _written(origin, homes[0], key) if len(homes) == 1 else None


def _with_two_underscores(variable: str, known: Known) -> str | None:
    names = (_written(ENVIRONMENT, section, key) for section, keys in known.items() for key in keys)
    return next((name for name in names if name.replace("__", "_") == variable), None)


def _written(origin: str, section: str, key: str) -> str:
    return f"{PREFIX}{section}__{key}".upper() if origin == ENVIRONMENT else f"{section}.{key}"
