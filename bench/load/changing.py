"""A process that changes the store all the while: ``python -m bench.load.changing STORE_URL CACHE_URL --per-second N``.

It switches aliases off and on, in the first pair of domains, waiting for the cache each time as an admin command does,
until its standard input ends; then it prints how many changes it made.
"""

import argparse
import time
from contextlib import AbstractContextManager, closing

from bench.load.helper import Result, at_work, helper
from bench.load.names import PER_PAIR, alias
from store.cache.propagation import PropagationWaiter
from store.services import aliases
from store.sql import outbox
from store.sql.database import Database


def changing(store_url: str, cache_url: str, *, per_second: float) -> AbstractContextManager[Result]:
    """Have a process make changes for the length of a block."""
    return helper("bench.load.changing", store_url, cache_url, "--per-second", str(per_second))


def _change(database: Database, waiter: PropagationWaiter, number: int) -> None:
    place, round_ = number % PER_PAIR, number // PER_PAIR
    with database.write() as tx:
        aliases.update(tx, alias(place), is_active=bool(round_ % 2))
    waiter.wait_until_live(outbox.version_of(tx))


def main() -> None:
    """Change as the command line says."""
    reader = argparse.ArgumentParser(prog="python -m bench.load.changing", description=__doc__)
    reader.add_argument("store_url")
    reader.add_argument("cache_url")
    reader.add_argument("--per-second", type=float, required=True)
    options = reader.parse_args()
    with (
        closing(Database.open(options.store_url)) as database,
        closing(PropagationWaiter(database, options.cache_url)) as waiter,
    ):
        _change(database, waiter, 0)
        print(_run(database, waiter, 1 / options.per_second))


def _run(database: Database, waiter: PropagationWaiter, pause: float) -> int:
    """Change until standard input ends; return how often."""
    made, due, ended = 1, time.monotonic(), at_work()
    while not ended.wait(max(0.0, due - time.monotonic())):
        _change(database, waiter, made)
        made += 1
        due = max(due + pause, time.monotonic())
    return made


if __name__ == "__main__":
    main()
