"""``byname daily``: what is to be done once a day, for a timer."""

from datetime import timedelta

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.output import say, say_json


def daily(context: typer.Context, as_json: JsonOption = False) -> None:
    """Remove what has had its time: sessions, keys of repeated requests, old imports and messages, and by
    [audit] keep_days the log of changes. It keeps no mail waiting, and a day left out does no harm."""
    from conf.dashboard import span
    from store.clock import utc_now
    from store.services import tidying
    from store.services.sessions import Lifetimes

    run = cli_context.of(context)
    settings = run.settings()
    lifetimes = Lifetimes(span(settings.dashboard.session_idle), span(settings.dashboard.session_max))
    with run.database() as database:
        removed = tidying.tidy(database, lifetimes)
        if settings.audit.keep_days:
            before = utc_now() - timedelta(days=settings.audit.keep_days)
            removed["audit_log"] = tidying.prune_audit_log(database, before, cli_context.acting())
    if as_json:
        say_json({"removed": removed})
        return
    for table, count in removed.items():
        if count:
            say(f"{count} of {table.replace('_', ' ')} removed")
