"""``byname doctor``: what is wrong, what it means, and the line that mends it (docs/troubleshoot.md)."""

import os
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.setup import PostfixFolder
from byname.output import cell_text, say, say_json, stop

if TYPE_CHECKING:
    from byname.cli_context import CliContext
    from byname.doctor.findings import Finding

_INDENT = " " * 10


def doctor(
    context: typer.Context,
    postfix_config: PostfixFolder = None,
    everything: Annotated[bool, typer.Option("--all", help="Show what is as it should be, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at the whole site and say what is wrong, the worst first. Nothing is changed; best run as root.

    0: all is well; 4: something should be mended; 1: something is wrong; 75: something could not be looked at.
    """
    from byname.doctor.table import exit_code

    found = _found(cli_context.of(context), postfix_config)
    if as_json:
        say_json({"worst": found[0].severity if found else "ok", "findings": found})
    else:
        _show(found, everything=everything)
    stop(exit_code(found))


def _found(run: "CliContext", postfix_config: PostfixFolder) -> "list[Finding]":
    from byname.doctor.findings import Severity
    from byname.doctor.gather import gather
    from byname.doctor.table import finding_of_settings, judge
    from conf.settings import ConfigError

    try:
        settings = run.settings()
    except ConfigError as error:
        mend = "byname config check" if os.geteuid() == 0 else "run byname doctor as root, or byname config check"
        return [finding_of_settings(Severity.ERROR, line, mend) for line in str(error).splitlines()]
    return judge(gather(settings, run.config, postfix_config))


def _show(found: "list[Finding]", *, everything: bool) -> None:
    for one in found:
        if one.severity != "ok":
            _show_fault(one)
        elif everything:
            say(f"{one.severity:8}  {one.check}")
    counts = Counter(str(one.severity) for one in found)
    said = ", ".join(f"{count} {severity}" for severity, count in counts.items())
    say(f"{len({one.check for one in found})} checks: {said}")


def _show_fault(one: "Finding") -> None:
    say(f"{one.severity:8}  {one.check}: {cell_text(one.what)}")
    say(f"{_INDENT}{one.means}")
    if one.mend:
        say(f"{_INDENT}to mend it: {cell_text(one.mend)}")
    say(f"{_INDENT}noticed as: {'; '.join(one.symptoms)}\n")
