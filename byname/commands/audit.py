"""``byname audit``: who changed what and when."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.commands.choices import utf8
from byname.commands.times import moment_text, since, span_text
from byname.listing import Columns, show_all
from byname.output import cell_text, complain, say, say_json

if TYPE_CHECKING:
    from datetime import datetime

    from store.services.audit import AuditEntry

COLUMNS: "Columns[AuditEntry]" = {
    "at": lambda entry: entry.at,
    "by": lambda entry: entry.actor,
    "action": lambda entry: entry.action,
    "object": lambda entry: f"{entry.object_type}:{entry.object_id}",
    "name": lambda entry: entry.name,
    "what changed": lambda entry: changed(entry),
}

app = typer.Typer(help="Who changed what, and when.", invoke_without_command=True)

_SAID_ELSEWHERE = frozenset({"id", "created_at", "updated_at"})


@app.callback(epilog="Example: byname audit --since 7d --object sales@brand-b.com")
def audit(
    context: typer.Context,
    since_text: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Only from then on: 2026-01-31T12:00Z, or 12h ago.", callback=moment_text
        ),
    ] = None,
    wanted: Annotated[
        str | None,
        typer.Option(
            "--object",
            metavar="WHAT",
            help="Only changes of an address, domain or name, or of alias:12 and the like.",
            callback=lambda text: text and utf8(text),
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only changes in one account.", callback=lambda name: name and utf8(name)),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=100_000, help="At most so many, the latest.")] = 25,
    as_json: JsonOption = False,
) -> None:
    """Show who changed what, the latest first. JSON has the whole of each object, before and after."""
    if context.invoked_subcommand is not None:
        return
    from store.services import accounts
    from store.services import audit as log

    acting = cli_context.acting()
    with cli_context.of(context).database() as database:
        if account is not None:
            with database.read() as transaction:
                acting = replace(acting, account_id=accounts.get(transaction, account).id)
        with database.read(acting) as transaction:
            found = log.page(transaction, since=since(since_text), object=wanted, per_page=limit)
    show_all(found.items, COLUMNS, as_json=as_json)
    if len(found.items) < found.total:
        complain(f"byname: {found.total - len(found.items)} older changes are not shown; --limit shows more")


@app.command("prune", epilog="Example: byname audit prune --older-than 400d")
def prune(
    context: typer.Context,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="A length such as 400d.", callback=span_text)
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many entries would go, and remove none.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove what was changed longer ago than that from the log. That it was done stands in the log."""
    from store.services import tidying

    before = cast("datetime", since(older_than))
    with cli_context.of(context).database() as database:
        if dry_run:
            removed = tidying.count_audit_log(database, before)
        else:
            removed = tidying.prune_audit_log(database, before, cli_context.acting())
    if as_json:
        say_json({"before": before, "entries": removed, "dry_run": dry_run})
    else:
        say(f"{removed} entries from before {cell_text(before)} {'would go' if dry_run else 'are gone'}")


def changed(entry: "AuditEntry") -> str:
    """Return in one line what a change did to the fields of an object; empty for what is gone.

    ``field: old -> new`` for what was changed, ``field: value`` for what a new object has.
    """
    if entry.after is None:
        return ""
    was, now = dict(_flat(entry.before or {})), dict(_flat(entry.after))
    if entry.before is None:
        return ", ".join(f"{name}: {cell_text(value)}" for name, value in now.items() if value and value != entry.name)
    return ", ".join(
        f"{name}: {cell_text(was.get(name))} -> {cell_text(value)}"
        for name, value in now.items()
        if was.get(name) != value
    )


def _flat(fields: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields of an object and of the objects in it, as ``catch_all.enabled``."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        elif name not in _SAID_ELSEWHERE:
            yield f"{above}{name}", " ".join(map(_part, value)) if isinstance(value, list) else value


def _part(value: object) -> str:
    """Return one thing of a list; a condition or an action of a rule without the names of its fields."""
    if isinstance(value, dict):
        return f"({' '.join(str(part) for part in value.values() if part is not None)})"
    return str(value)
