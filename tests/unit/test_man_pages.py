"""The man pages name every command, option and setting there is, and nothing else; mandoc finds no fault in them."""

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from byname.cli import app
from byname.exits import ExitCode
from conf.settings import Settings

ROOT = Path(__file__).parents[2]
MAN = ROOT / "docs" / "man"
DAEMONS = ("api", "lmtp", "maps", "milter", "relay")
EVERYWHERE = {"--json", "--help"}  # explained once, above the commands


@dataclass
class Entry:
    """What a page says of one command, and what the command takes: options by every spelling, arguments by metavar."""

    shown: set[str] = field(default_factory=set)  # in the synopsis
    explained: set[str] = field(default_factory=set)  # each as an item of its list
    arguments: list[str] = field(default_factory=list)


def options(line: str) -> set[str]:
    """Return the options in a line of mdoc: ``Fl -send | Fl v`` are ``--send`` and ``-v``."""
    return {f"-{name}" for name in re.findall(r"\bFl ([A-Za-z0-9-]+)", line)}


def entries(page: str) -> dict[str, Entry]:
    """Return the commands that a page explains. An item begins with ``.It Cm NAME``, or ``.It Xo`` and ``.Cm NAME``."""
    found: dict[str, Entry] = {}
    entry, heading = Entry(), False
    for line in page.split(".Sh COMMANDS\n")[1].split("\n.Sh ")[0].splitlines():
        if named := re.match(r"\.(?:It )?Cm ([a-z-]+(?: [a-z-]+)?)$", line) if heading or line[:4] == ".It " else None:
            entry = found[named[1]] = Entry()
        elif heading:
            entry.shown |= options(line)
            entry.arguments += [] if "Fl " in line else re.findall(r"\bAr ([A-Z|]+)", line)
        elif line.startswith(".It Fl "):
            entry.explained |= options(line)
        else:
            assert options(line) <= entry.shown, f"{line}: not an option of this command"
        heading = line == ".It Xo" or (heading and line != ".Xc")
    return found


def commands() -> Iterator[tuple[str, Any]]:
    """Yield the name and the command of everything that can be called."""
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", {})
        if not inner or command.invoke_without_command:
            yield name, command
        for verb, called in inner.items():
            yield f"{name} {verb}", called


def taken(command: Any) -> Entry:
    """Return what a command takes, as ``--help`` tells it."""
    entry = Entry()
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            entry.arguments.append(parameter.metavar)
        else:
            entry.shown |= {*parameter.opts, *parameter.secondary_opts} - EVERYWHERE
    entry.explained = entry.shown
    return entry


def test_every_command_and_option_stands_on_the_page_and_no_other() -> None:
    assert entries((MAN / "byname.1").read_text()) == {name: taken(command) for name, command in commands()}


def test_the_options_of_all_commands() -> None:
    above = (MAN / "byname.1").read_text().split(".Sh COMMANDS")[0]
    explained = {name for line in re.findall(r"^\.It Fl .+", above, re.MULTILINE) for name in options(line)}
    common = {name for option in get_command(app).params for name in option.opts}
    assert explained == common | EVERYWHERE


def test_the_exit_codes() -> None:
    status = (MAN / "byname.1").read_text().split(".Sh EXIT STATUS\n")[1].split("\n.Sh ")[0]
    assert re.findall(r"^\.It (\d+)$", status, re.MULTILINE) == [str(code.value) for code in ExitCode]


@pytest.mark.parametrize("name", DAEMONS)
def test_the_page_of_a_daemon(name: str) -> None:
    page = (MAN / f"byname-{name}.8").read_text()
    assert f".Nm byname Cm {name}\n" in page
    assert options(page.split(".Sh DESCRIPTION")[0]) == taken(dict(commands())[name]).shown == options(page)
    assert page.count(f".It Cm {name}") == 0
    (unit,) = re.findall(r"^\.Pa (byname-[a-z]+(?:@ROLE)?\.service)", page, re.MULTILINE)
    assert (ROOT / "systemd" / unit.replace("@ROLE", "@")).is_file()


def settings_page() -> Mapping[str, Any]:
    """Return the settings of byname.toml(5), each with the default that stands beside it, None where none does."""
    page = (MAN / "byname.toml.5").read_text().split(".Sh SETTINGS\n")[1].split("\n.Sh ")[0].replace("\\(dq", '"')
    found = {}
    for section, body in re.findall(r"^\.Ss \[(\w+)\]\n(.*?)(?=^\.Ss |\Z)", page, re.MULTILINE | re.DOTALL):
        for key, default in re.findall(r"^\.It Ic (\w+)(?: = (.+))?$", body, re.MULTILINE):
            found[f"{section}.{key}"] = tomllib.loads(f"value = {default}")["value"] if default else None
    return found


def test_every_setting_stands_on_its_page_with_its_default_and_no_other() -> None:
    defaults = {name: list(value) if isinstance(value, tuple) else value for name, value in Settings().shown().items()}
    chosen_by_rule = {"routing.delivery": None}
    assert settings_page() == defaults | chosen_by_rule


def test_every_page_is_one_of_these_and_refers_to_pages_that_are_there() -> None:
    ours = {path.name for path in MAN.iterdir()}
    assert ours == {"byname.1", "byname.toml.5", *(f"byname-{name}.8" for name in DAEMONS)}
    cited = {f"{name}.{section}" for path in MAN.iterdir() for name, section in _references(path.read_text())}
    assert {name for name in cited if name.startswith("byname")} == ours


def _references(page: str) -> list[tuple[str, str]]:
    return re.findall(r"^\.Xr (\S+) (\d)", page, re.MULTILINE)


@pytest.mark.skipif(
    "CI" not in os.environ and not shutil.which("mandoc"),
    reason="there is no mandoc; `./bootstrap.sh test` installs it",
)
def test_mandoc_finds_no_fault() -> None:
    pages = sorted(MAN.iterdir())
    linted = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *pages], capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, "")
