"""``make fuzz-api``: made-up requests against a running API, held against its own description (tests.api.contract).

    python -m tests.api.fuzzer --requests 20000 --seed 7 [--postgresql]

Exit code 1, with the requests that show it, when anything was violated or the server hit a bug.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from store.sql.database import Database
from tests.api.contract import Report, fuzz
from tests.api.running_api import CLIENTS, RunningApi, site_over
from tests.store.new_store import make_store
from tests.store.postgres_server import PostgresServer, programs

_TELL_EVERY = 5.0  # seconds


@contextmanager
def running(url: str) -> Iterator[RunningApi]:
    """Serve a new database for the length of a block."""
    make_store(url)
    database = Database.open(url)
    api = RunningApi(site_over(database, clients=CLIENTS))
    try:
        yield api
    finally:
        api.close()
        database.close()


@contextmanager
def _database(*, on_postgresql: bool) -> Iterator[str]:
    if not on_postgresql:
        with TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'byname.db'}"
        return
    binaries = programs()
    if binaries is None:
        sys.exit("no PostgreSQL server is installed")
    server = PostgresServer(binaries)
    try:
        server.start()
        server.run_sql("CREATE DATABASE fuzz")
        yield server.url("fuzz")
    finally:
        server.remove()


class _Teller:
    """Says from time to time how far it is, and at once what is wrong."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._began = self._told = time.monotonic()
        self._known: set[str] = set()

    def __call__(self, report: Report) -> None:
        now = time.monotonic()
        for name in report.violations.keys() - self._known:
            self._known.add(name)
            _say(f"{name}\n{report.violations[name]}\n")
        if now - self._told >= _TELL_EVERY:
            self._told = now
            rate = report.requests / (now - self._began)
            _say(f"{report.requests:,} of {self._wanted:,} requests, {rate:.0f}/s, {len(report.violations)} violations")


def main() -> int:
    """Fuzz as the command line says."""
    raw = argparse.RawDescriptionHelpFormatter
    reader = argparse.ArgumentParser(prog="make fuzz-api", description=__doc__, formatter_class=raw)
    reader.add_argument("--requests", type=int, default=20_000)
    reader.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    reader.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    options = reader.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    _say(f"seed {options.seed}")
    with _database(on_postgresql=options.postgresql) as url, running(url) as api:
        report = fuzz(api, options.requests, options.seed, _Teller(options.requests))
    _print(report)
    return 1 if report.violations or report.server_errors else 0


def _print(report: Report) -> None:
    statuses = ", ".join(f"{status} x {number:,}" for status, number in sorted(report.statuses.items()))
    _say(f"\n{report.requests:,} requests: {statuses}; {len(report.done)} operations were answered 2xx")
    _say(f"{report.server_errors} server errors, {len(report.violations)} violations of the description")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
