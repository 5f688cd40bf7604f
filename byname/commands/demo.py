"""``byname demo``: a whole mail system in a temporary folder."""

from enum import StrEnum
from importlib.util import find_spec
from typing import Annotated

import typer

from byname.cli_context import JsonOption
from byname.exits import ExitCode
from byname.failures import ExtraMissing
from byname.output import stop


class Delivery(StrEnum):
    """Who writes Delivered-To."""

    AGENT = "agent"
    MILTER = "milter"


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Send the sample mails, print the table, stop. 0: all as specified.")
    ] = False,
    delivery: Annotated[
        Delivery, typer.Option(help="Who writes Delivered-To: the LMTP edge for each copy, or the milter.")
    ] = Delivery.AGENT,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Redis and the relay before the store, or SQLite alone.")
    ] = True,
    many: Annotated[
        bool, typer.Option("--many", help="Two of everything on networks of their own, and parts that die; no samples.")
    ] = False,
    webmail: Annotated[bool, typer.Option("--webmail", help="A Roundcube too, with Byname's plugin.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Start a whole mail system on loopback with sample data, to be tried out. Nothing on this machine is changed."""
    if find_spec("aiosmtpd") is None:
        raise ExtraMissing("demo", "aiosmtpd")
    from byname.demo.run import run

    if many and (webmail or not cache):
        raise typer.BadParameter("goes with --once and --json only", param_hint="--many")
    code = run(once=once, as_json=as_json, delivery=delivery.value, cache=cache, webmail=webmail, two_of_all=many)
    stop(ExitCode(code))
