"""``byname explain``: what would happen to a mail, and why, by the code that decides about mail."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.exits import OF_VERDICT
from byname.output import cell_text, say, say_json, stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from routing.directory import Directory
    from routing.explain import Comparison, Explanation
    from routing.explain_message import Eyes
    from routing.policy import Policy
    from routing.raw_message import RawMessage

# What the MTA says when we let an address pass, by verdict.
_MTA_REPLY = {
    "deliver": "250, the mail server's own",
    "allow": "250, the mail server's own",
    "not-ours": "left to the mail server, which refuses relaying or passes it on",
}


# Who gave the facts, for people.
_ANSWERED_BY = {
    "cache": "the cache",
    "sql": "the store, not the cache",
    "grace": "the cache under grace: neither its lease nor the store is there; what it affirms holds, all else is 451",
    None: "nobody",
}


def explain(
    context: typer.Context,
    address: Annotated[
        str | None, typer.Argument(metavar="ADDRESS", help="A recipient, as an SMTP client may write it.")
    ] = None,
    login: Annotated[str | None, typer.Option(metavar="L", help="Who is logged in; with --from or --message.")] = None,
    sender: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="A", help="The envelope sender: to judge with --login, or who writes to ADDRESS."
        ),
    ] = None,
    message: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A raw message to judge, with --login as its sender's; - for stdin."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also what was looked up and did not matter.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Explain what happens to mail for ADDRESS, or whether a login may send as an address, and why.

    A message is judged by its author and by the checks of [senders] that are on: ADDRESS with --message is one that
    comes from outside, --login with --message one that is submitted.

    Prints the look-ups that mattered, the rule that decided, and the reply that an SMTP client would see. With a cache
    it also says who gave the facts, and answers without the store as the milter would. Exit code: 0 delivered or
    allowed, 1 refused, 3 not ours, 75 cannot tell.
    """
    _check_usage(address, login, sender, message)
    from byname import wiring
    from byname.wiring.directory import cache_directory, decision_directory, sql_directory
    from byname.wiring.lookalikes import name_key, skeleton
    from routing.explain import compare
    from routing.explain_message import Eyes

    run = cli_context.of(context)
    settings = run.settings()
    eyes = Eyes(skeleton(settings), name_key(settings))
    ask = _question(wiring.policy(settings), eyes, address, login, sender, message)
    with run.database(may_be_silent=True, may_be_missing=settings.cache.url is not None) as database:
        sql, cache = sql_directory(database), cache_directory(settings)
        comparison = compare(ask, decision_directory(settings, sql), cache, sql)
    if as_json:
        say_json({**comparison.as_object(), "answered_by": comparison.answered_by})
    else:
        _print(comparison, verbose=verbose)
    stop(OF_VERDICT[comparison.found.verdict])


def _check_usage(address: str | None, login: str | None, sender: str | None, message: Path | None) -> None:
    """Allow one address, perhaps with its sender and a message, or a login with one thing to judge."""
    if address is not None and login is None:
        return
    if address is None and login is not None and (sender is None) != (message is None):
        return
    raise typer.BadParameter("give ADDRESS, perhaps with --from and --message, or --login with --from or --message")


def _question(
    policy: "Policy", eyes: "Eyes", address: str | None, login: str | None, sender: str | None, message: Path | None
) -> "Callable[[Directory], Explanation]":
    """Return what is asked, to be put to several directories."""
    from routing import explain as core
    from routing import explain_message

    at = time.time()  # the same for each backend
    if message is None:
        if address is not None:
            return lambda directory: core.explain_recipient(directory, policy, address, at, sender)
        return lambda directory: core.explain_sender(directory, policy, login or "", sender or "", at)
    raw = _read(message)
    if address is not None:
        return lambda directory: explain_message.explain_incoming(directory, policy, address, raw, eyes, at, sender)
    return lambda directory: explain_message.explain_submitted(directory, policy, login or "", raw, at)


def _read(message: Path) -> "RawMessage":
    from routing.raw_message import read_message

    return read_message(sys.stdin.buffer.read() if str(message) == "-" else message.read_bytes())


def _print(comparison: "Comparison", *, verbose: bool) -> None:
    found = comparison.found
    shown = (step for step in found.steps if verbose or step.mattered)
    lines = [(f"looked up {cell_text(step.looked_up)}", step.found) for step in shown]
    lines += [("rule", found.rule), ("verdict", found.verdict)]
    lines += [("reply", str(found.reply) if found.reply else _MTA_REPLY[found.verdict])]
    if found.mailbox is not None:
        lines += [("mailbox", str(found.mailbox)), ("Delivered-To", str(found.delivered_to or "none added"))]
    if comparison.by_cache is not None:
        lines += [("answered by", _ANSWERED_BY[comparison.answered_by])]
        lines += [("by cache", _in_short(comparison.by_cache)), ("by SQL", _in_short(comparison.by_sql))]
        lines += [("agree", {True: "yes", False: "no", None: "cannot tell"}[comparison.agree])]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        say(f"{name.ljust(width)}  {cell_text(text)}")


def _in_short(found: "Explanation") -> str:
    where = "" if found.mailbox is None else f" to {found.mailbox}"
    return f"{found.verdict}{where} ({found.rule})"
