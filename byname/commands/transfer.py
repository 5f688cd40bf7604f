"""``byname import`` and ``byname export``: aliases from a file and to one."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.exits import ExitCode
from byname.output import Bar, complain, say, stop, table

if TYPE_CHECKING:
    from store.services.importing.run import Finished
    from store.transfer.lines import Line
    from store.transfer.report import Report

_SHOWN = 50  # refused lines in the text form


class Format(StrEnum):
    """What a file is."""

    CSV = "csv"
    POSTFIX_VIRTUAL = "postfix-virtual"
    POSTFIXADMIN = "postfixadmin"
    MAILCOW = "mailcow"
    SIMPLELOGIN = "simplelogin"
    ADDY = "addy"


def bring_in(
    context: typer.Context,
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="The file; - reads standard input. Or the URL of PostfixAdmin's database."),
    ],
    kind: Annotated[Format, typer.Option("--from", help="What the file is.")] = Format.CSV,
    mailbox: Annotated[
        str | None,
        typer.Option("--to", metavar="MAILBOX", help="Whose aliases they become; for simplelogin and addy."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, keep nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Create aliases from a file, or make those that are there what the file says. Repeating it changes nothing more.

    CSV: the first line names the columns, address,mailbox and any of can_receive,can_send,is_active,note,
    expires_at,expires_after,expires_when_idle,senders. Every 500
    lines are committed together; a line that is refused is reported with its code, and holds up no other. Exit code 65:
    lines were refused. From Postfix's virtual(5), "@domain mailbox" becomes the domain's catch-all.

    From other programs: a dump of PostfixAdmin's database (MySQL, PostgreSQL), or the database itself, which is only
    read; what mailcow's API answers at get/alias/all; the export files of SimpleLogin and addy.io. What cannot be held
    here, such as a name that leads to several addresses, is refused with its code and the reason.
    """
    from store.services.importing.chunks import Import
    from store.services.importing.run import complete
    from store.transfer.report import Report

    run = cli_context.of(context)
    with _lines(file, kind, mailbox) as found, run.database() as database, closing(Report()) as report:
        lines, source = found
        how = Import(database, cli_context.acting(), run.system_names(), dry_run=dry_run)
        with Bar("bringing in aliases") as bar:
            finished = complete(how, lines, report, _mover(bar, source))
        run.wait_for_cache(database, finished.version)
        _print(report, finished, run.outcome, as_json=as_json)
        failed = report.counts["failed"]
    if failed:
        complain(f"byname: invalid-request: {failed} lines were refused")
        stop(ExitCode.DATA)


def export(context: typer.Context) -> None:
    """Print all aliases as CSV, in UTF-8. An import takes it back: every line is "unchanged"."""
    from store.services.export import export as pieces

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    with cli_context.of(context).database() as database:
        for piece in pieces(database):
            say(piece.rstrip("\r\n"))


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    """Open the file. Raises typer.BadParameter when that cannot be; typer makes it exit code 2."""
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from None
    with source:
        yield source


@contextmanager
def _lines(file: str, kind: Format, mailbox: str | None) -> "Iterator[tuple[Iterator[Line], IO[bytes] | None]]":
    """Return the lines to bring in, and the file that they come from, None for a database."""
    from store.services.importing.sources import FOR_ONE_MAILBOX, FORMATS, from_postfixadmin, is_url

    if mailbox is not None and kind not in FOR_ONE_MAILBOX:
        raise typer.BadParameter(f"--to is for {' and '.join(FOR_ONE_MAILBOX)}; {kind} names the mailboxes itself")
    if kind is Format.POSTFIXADMIN and is_url(file):
        yield from_postfixadmin(file), None
        return
    with _opened(file) as source:
        yield FORMATS[kind](source) if mailbox is None else FOR_ONE_MAILBOX[kind](source, mailbox), source


def _mover(bar: Bar, source: IO[bytes] | None) -> Callable[[int], None]:
    """Return what moves the bar: by how much of the file was read, where that is known."""
    if source is None or source is sys.stdin.buffer or not source.seekable():
        return lambda _: None
    size = os.fstat(source.fileno()).st_size
    return lambda _: bar.show(source.tell(), size)


def _print(report: "Report", finished: "Finished", outcome: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        pieces = report.as_json({**finished.summary, **outcome})
        say('{"data": ')
        for piece in pieces:
            say(piece)
        say("}")
        return
    failed = (line for line in report.lines() if line.status == "failed")
    rows = [(one.line, one.address, one.code, one.message) for one in islice(failed, _SHOWN)]
    if rows:
        table(("line", "address", "code", "why"), rows)
    if report.counts["failed"] > _SHOWN:
        say(f"and {report.counts['failed'] - _SHOWN} more; --json shows all")
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items())
    say(f"{counts}{' (a dry run: nothing was kept)' if finished.summary['dry_run'] else ''}")
