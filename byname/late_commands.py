"""The commands of ``byname``, each imported when it is run: to import and build all costs a tenth of a second."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_group

Built = Any  # Typer's own Click command
Register = Callable[[typer.Typer], None]  # adds one command to an application


def new_app(**more: Any) -> typer.Typer:
    """Return an application with plain help and plain usage errors: rich would draw boxes, and wrap them, in a pipe."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, **more)


def noun(name: str, summary: str) -> Register:
    """Return what registers the verbs of a noun: ``app`` of a module of ``byname.commands``."""
    module = name.replace("-", "_")
    return lambda app: app.add_typer(_attribute(module, "app"), name=name, short_help=summary)


def verb(name: str, function: str, summary: str, example: str) -> Register:
    """Return what registers a command that stands alone: a ``function`` of ``byname.commands``, after its module."""
    return lambda app: _add(app, name, _attribute(*function.split(".")), summary, example)


def _add(app: typer.Typer, name: str, function: Callable[..., Any], summary: str, example: str) -> None:
    app.command(name, short_help=summary, epilog=f"Example: {example}")(function)


def _attribute(module: str, name: str) -> Any:
    return getattr(import_module(f"byname.commands.{module}"), name)


class LateCommands(Mapping[str, Built]):
    """Commands by name, each built when it is asked for."""

    def __init__(self, table: Mapping[str, Register]) -> None:
        self._table = table
        self._built: dict[str, Built] = {}

    def __getitem__(self, name: str) -> Built:
        if name not in self._built:
            app = new_app()
            self._table[name](app)
            self._built[name] = get_group(app).commands[name]
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


def late_group(table: Mapping[str, Register]) -> type[TyperGroup]:
    """Return the class of a group that has the commands of ``table``, in its order."""

    class LateGroup(TyperGroup):
        """A group whose commands are built when they are asked for."""

        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self.commands = cast("Any", LateCommands(table))  # Typer only reads it

    return LateGroup
