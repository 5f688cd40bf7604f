"""Checks on options that belong together, and questions to a person at a terminal."""

import typer

from byname.output import ask, can_ask, complain


def something_to_change(*values: object) -> None:
    """Refuse a ``set`` without any option.

    Raises:
        typer.BadParameter: all are None; typer makes it exit code 2.
    """
    if all(value is None for value in values):
        raise typer.BadParameter("say what to change; see --help")


def at_most_one(**options: object) -> None:
    """Refuse options that exclude each other.

    Raises:
        typer.BadParameter: more than one is given.
    """
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value]
    if len(given) > 1:
        raise typer.BadParameter(f"{' and '.join(given)} exclude each other")


def exactly_one(**options: object) -> None:
    """Demand one of several options.

    Raises:
        typer.BadParameter: none, or more than one, is given.
    """
    at_most_one(**options)
    if not any(options.values()):
        names = " or ".join(f"--{name.replace('_', '-')}" for name in options)
        raise typer.BadParameter(f"{names} is needed")


def utf8(text: str) -> str:
    """Refuse an argument whose bytes are not UTF-8; no database takes it.

    Raises:
        typer.BadParameter: typer makes it exit code 2.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise typer.BadParameter("it is not UTF-8") from None
    return text


def agreed(question: str) -> bool:
    """Ask on stderr, default no. Never asks when there is no terminal: then nobody has agreed."""
    if not can_ask():
        return False
    complain(question)
    return ask("Go on? [y/N] ").strip().lower() in {"y", "yes"}
