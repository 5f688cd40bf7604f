"""docs/command-line.md names every command there is, and no other."""

import re
from pathlib import Path

from typer.main import get_command

from byname.cli import app

PAGE = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text("utf-8")
NAMED = re.compile(r"`(?:byname )?([a-z][a-z-]*(?: [a-z][a-z-]*)?)[ `]")


def commands() -> set[str]:
    found = set()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        if inner is None or command.invoke_without_command:
            found.add(name)
        found |= {f"{name} {verb}" for verb in inner or ()}
    return found


def named() -> set[str]:
    """The commands in the first cells of the tables below "Commands"."""
    rows = [line.split("|")[1] for line in PAGE.split("## Commands")[1].replace("\\|", "/").splitlines() if "|" in line]
    return {name for row in rows for name in NAMED.findall(row)}


def test_every_command_stands_on_the_page() -> None:
    assert named() == commands()
