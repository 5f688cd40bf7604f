"""A process that switches many aliases: ``python -m bench.load.flipping STORE_URL ALIASES PER_PAIR --per-second N``.

Aliases of :mod:`bench.load.filling`, one of each pair of domains after the other, twenty in a transaction as a bulk
call has them, until standard input ends; then it prints how many it switched. Past the services, which take longer for
a change than the relay does, but by way of the outbox, as every change goes.
"""

import argparse
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing

from sqlalchemy import func, not_, select, update

from bench.load.helper import Result, at_work, helper
from bench.load.names import alias
from store.sql import changed_fields
from store.sql.database import Database
from store.sql.tables import AliasRow

AT_ONCE = 20  # aliases in a transaction
_LATE = 1.0  # seconds of work that was not done in time and is made up for


def flipping(store_url: str, aliases: int, per_pair: int, *, per_second: float) -> AbstractContextManager[Result]:
    """Have a process switch aliases for the length of a block."""
    return helper("bench.load.flipping", store_url, str(aliases), str(per_pair), "--per-second", str(per_second))


def spread_out(places: Sequence[int], aliases: int, per_pair: int) -> list[int]:
    """Return numbers of aliases, those of neighbouring places in different domains."""
    pairs = aliases // per_pair
    return [place % pairs * per_pair + place // pairs % per_pair for place in places]


def flip(database: Database, numbers: Sequence[int], per_pair: int) -> None:
    """Switch the aliases with these numbers, on or off, in one transaction."""
    with database.write() as tx:
        first = tx.scalars(select(func.min(AliasRow.id))).one()
        these = update(AliasRow).where(AliasRow.id.in_([first + number for number in numbers]))
        tx.execute(these.values(is_active=not_(AliasRow.is_active)), execution_options={"synchronize_session": False})
        for number in numbers:
            local, _, domain = alias(number, per_pair).partition("@")
            changed_fields.name(tx, domain, local)


def main() -> None:
    """Switch as the command line says."""
    reader = argparse.ArgumentParser(prog="python -m bench.load.flipping", description=__doc__)
    reader.add_argument("store_url")
    reader.add_argument("aliases", type=int)
    reader.add_argument("per_pair", type=int)
    reader.add_argument("--per-second", type=float, required=True)
    options = reader.parse_args()
    with closing(Database.open(options.store_url)) as database:
        print(_run(database, options.aliases, options.per_pair, AT_ONCE / options.per_second))


def _run(database: Database, aliases: int, per_pair: int, pause: float) -> int:
    """Switch until standard input ends; return how many."""
    made, due, ended = 0, time.monotonic(), at_work()
    while not ended.wait(max(0.0, due - time.monotonic())):
        flip(database, spread_out(range(made, made + AT_ONCE), aliases, per_pair), per_pair)
        made += AT_ONCE
        due = max(due + pause, time.monotonic() - _LATE)
    return made


if __name__ == "__main__":
    main()
