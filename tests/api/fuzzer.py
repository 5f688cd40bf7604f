"""``make fuzz-api``: made-up requests against a running API, held against its own description by Schemathesis.

    python -m tests.api.fuzzer --requests 20000 --seed 7 [--postgresql]

All checks of Schemathesis, in chains of requests too; and what the description calls valid is never called invalid.
Exit code 1, with the requests that show it, when anything was violated or the server hit a bug.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import schemathesis
import structlog
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import EngineEvent, FatalError, NonFatalError, ScenarioFinished

from store.sql import migrate
from store.sql.database import Database
from tests.api.fuzz_world import FuzzWorld
from tests.api.running_api import RunningApi, site_over
from tests.store.postgres_server import PostgresServer, programs

PHASES = ("examples", "fuzzing", "stateful", "coverage")
_MEND_EVERY = 20  # requests
_TELL_EVERY = 5.0  # seconds
_FORMAL = frozenset({"invalid-request", "invalid-local-part"})  # codes of what the description itself rules out


@dataclass(slots=True)
class Report:
    """What came of a run."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    done: set[str] = field(default_factory=set)  # operations that were answered 2xx
    violations: dict[str, str] = field(default_factory=dict)  # a request for each kind

    @property
    def server_errors(self) -> int:
        """How often the server hit a bug."""
        return sum(number for status, number in self.statuses.items() if status >= 500)


@schemathesis.check  # type: ignore[untyped-decorator]
def valid_is_not_called_invalid(_: Any, response: Any, case: Any) -> None:
    """Fail where the description says that a request is well formed, and the server that it is not."""
    if response.status_code == 422 and case.meta is not None and case.meta.generation.mode.is_positive:
        code = response.json()["code"]
        assert code not in _FORMAL, f"the description allows this request: {response.json()['detail']}"


def fuzz(api: RunningApi, requests: int, seed: int, tell: Callable[[Report], None] = lambda _: None) -> Report:
    """Send about ``requests`` made-up requests and return what came of them."""
    world, report = FuzzWorld(api.database, Random(seed)), Report()
    schema = schemathesis.openapi.from_url(f"{api.url}/api/v1/openapi.json", config=_config(world, requests, seed))

    def before_call(_: Any, case: Any, kwargs: Any) -> None:  # noqa: ARG001 - the names are Schemathesis's
        if report.requests % _MEND_EVERY == 0:
            world.mend()
        report.requests += 1
        for names in (case.path_parameters, case.query):
            world.lead(names or {})
        world.lead_body(case.body)
        world.lead_header(case.headers)
        world.spare_own_token(case.path_parameters or {})

    def after_call(_: Any, case: Any, response: Any) -> None:
        report.statuses[response.status_code] += 1
        if response.status_code < 300:
            report.done.add(case.operation.label)

    with _hooked(before_call, after_call):
        stream = from_schema(schema).execute()
        for event in stream:
            _note(event, report)
            tell(report)
            if report.requests >= requests:
                stream.stop()
    return report


@contextmanager
def _hooked(*hooks: Callable[..., None]) -> Iterator[None]:
    """Have Schemathesis call these around each request, for the length of a block; it knows hooks of the process only."""
    for hook in hooks:
        schemathesis.hook(hook)
    try:
        yield
    finally:
        for hook in hooks:
            schemathesis.hooks.unregister(hook)


def _config(world: FuzzWorld, requests: int, seed: int) -> SchemathesisConfig:
    each = max(3, requests // 100)  # of each of some forty operations, in each phase
    config = {
        "seed": seed,
        "continue-on-failure": True,
        "headers": {"Authorization": f"Bearer {world.secret}"},
        "generation": {"database": "none", "max-examples": each, "with-security-parameters": False},
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "422"]}},
        "phases": {
            "stateful": {"generation": {"max-examples": max(5, requests // 40)}},
            "coverage": {"enabled": requests >= 10_000},
        },
    }
    return SchemathesisConfig.from_dict(config)


def _note(event: EngineEvent, report: Report) -> None:
    if isinstance(event, FatalError):
        raise RuntimeError("the run broke off") from event.exception
    if isinstance(event, NonFatalError):
        report.violations.setdefault(f"{event.label}: cannot be tested", str(event.value))
    if isinstance(event, ScenarioFinished):
        for found in _failures(event):
            report.violations.setdefault(*found)


def _failures(event: ScenarioFinished) -> Iterator[tuple[str, str]]:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.status is Status.FAILURE and check.failure_info is not None:
                label = event.recorder.cases[case_id].value.operation.label
                failure = check.failure_info.failure
                yield f"{label}: {check.name}", f"{failure.message}\n{check.failure_info.code_sample}"


@contextmanager
def running(url: str) -> Iterator[RunningApi]:
    """Serve a new database for the length of a block."""
    migrate.upgrade(url)
    database = Database.open(url)
    api = RunningApi(site_over(database))
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
    """Says from time to time how far it is."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._began = self._told = time.monotonic()

    def __call__(self, report: Report) -> None:
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY:
            self._told = now
            rate = report.requests / (now - self._began)
            print(
                f"{report.requests:,} of {self._wanted:,} requests, {rate:.0f}/s, {len(report.violations)} violations",
                flush=True,
            )


def main() -> int:
    """Fuzz as the command line says."""
    raw = argparse.RawDescriptionHelpFormatter
    reader = argparse.ArgumentParser(prog="make fuzz-api", description=__doc__, formatter_class=raw)
    reader.add_argument("--requests", type=int, default=20_000)
    reader.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    reader.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    options = reader.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    print(f"seed {options.seed}", flush=True)
    with _database(on_postgresql=options.postgresql) as url, running(url) as api:
        report = fuzz(api, options.requests, options.seed, _Teller(options.requests))
    _print(report)
    return 1 if report.violations or report.server_errors else 0


def _print(report: Report) -> None:
    for name, example in report.violations.items():
        print(f"\n{name}\n{example}")
    statuses = ", ".join(f"{status} x {number:,}" for status, number in sorted(report.statuses.items()))
    print(f"\n{report.requests:,} requests: {statuses}; {len(report.done)} operations were answered 2xx")
    print(f"{report.server_errors} server errors, {len(report.violations)} violations of the description")


if __name__ == "__main__":
    sys.exit(main())
