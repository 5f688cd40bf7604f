"""``byname alias stats``: what came through an alias, and who wrote."""

from typing import TYPE_CHECKING, Annotated

import typer

from byname import cli_context
from byname.cli_context import JsonOption
from byname.listing import Columns
from byname.output import say, say_json, table

if TYPE_CHECKING:
    from store.services.statistics.activity import Day, Sender, Statistics

DAYS: "Columns[Day]" = {
    "day": lambda day: day.day,
    "accepted": lambda day: day.accepted,
    "refused": lambda day: day.refused,
}
SENDERS: "Columns[Sender]" = {
    "sender": lambda sender: sender.sender,
    "accepted": lambda sender: sender.accepted,
    "refused": lambda sender: sender.refused,
    "last": lambda sender: sender.last_at,
}
MOST_SENDERS = 100  # shown


def stats(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The alias, as local@domain.")],
    days: Annotated[int, typer.Option(min=1, max=90, help="How many days back, today counted.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """Show how many mails to an alias were accepted and refused, and who wrote, if its account has that remembered.

    Days are in UTC; those without mail are left out of the table.
    """
    from store.services.statistics import activity

    with cli_context.of(context).database() as database, database.read() as transaction:
        found = activity.statistics(transaction, address, days=days)
        wrote = activity.senders(transaction, found.alias_id, per_page=MOST_SENDERS)
        remembered = activity.remembered_days(transaction, found.alias_id)
    if as_json:
        say_json({"data": found, "senders": wrote.items, "remember_senders_days": remembered})
        return
    _show(found)
    if wrote.items:
        table(list(SENDERS), [[read(one) for read in SENDERS.values()] for one in wrote.items])
    elif not remembered:
        say("who wrote is not remembered; byname account set NAME --remember-senders-days 30 begins it")


def _show(found: "Statistics") -> None:
    shown = [day for day in found.days if day.accepted or day.refused]
    if shown:
        table(list(DAYS), [[read(day) for read in DAYS.values()] for day in shown])
    rules = ", ".join(f"{rule} {mails}" for rule, mails in found.refused_by_rule.items())
    by_rule = f" ({rules})" if rules else ""
    say(f"{found.accepted} accepted, {found.refused} refused{by_rule} in {len(found.days)} days")
