"""``byname demo``: a whole mail system in a temporary folder."""

from typing import Annotated

import typer

from byname.exits import ExitCode
from byname.invocation import JsonOption
from byname.output import stop


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Send the sample mails, print the table, stop. 0: all as specified.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start a whole mail system on loopback with sample data, to be tried out. Nothing on this machine is changed."""
    from byname.demo.run import run

    stop(ExitCode(run(once=once, as_json=as_json)))
