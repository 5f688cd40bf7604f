"""The sites that faults are injected into, the choice of rows, and the figures at the end."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from byname.sandbox.folders import short_folder
from byname.sandbox.requirements import MANY, missing_packages
from byname.sandbox.site import PrivateSite
from byname.sandbox.topology import CLUSTER, NO_SINGLE_POINT, TWO_MTAS, Plan, Topology
from tests.faults import page
from tests.faults.many_world import ManyWorld
from tests.faults.names import fill
from tests.faults.world import World
from tests.mail.conftest import folder, leave_out, needs_namespaces, needs_root
from tests.store.postgres_server import PostgresServer, programs

__all__ = ["folder", "needs_namespaces", "needs_root"]

# An smtpd process remembers for its life that a map failed for an address; with 100 sessions that can be long.
_POSTFIX = {"max_use": "10"}
_KEY = "fault"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of ``make faults``."""
    group = parser.getgroup("faults")
    group.addoption("--all-faults", action="store_true", help="all faults, and each for long")
    group.addoption("--rounds", type=int, default=1, help="how often to go through them")
    group.addoption("--write-page", action="store_true", help="write the figures into docs/reliability.md")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the rows of a module's table and how long each fault lasts."""
    if "fault" not in metafunc.fixturenames:
        return
    is_long = metafunc.config.getoption("--all-faults", False)
    chosen = [(fault, fault.long if is_long else fault.seconds) for fault in metafunc.module.ROWS]
    rows = [
        pytest.param(fault, seconds, id=f"{fault.name}-{round_}" if round_ else fault.name)
        for round_ in range(metafunc.config.getoption("--rounds", 1))
        for fault, seconds in chosen
        if is_long or fault.is_short
    ]
    metafunc.parametrize(("fault", "seconds"), rows)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out modules without a row in the short form, which pytest would count as skipped."""
    empty = [item for item in items if _has_no_rows(item)]
    config.hook.pytest_deselected(items=empty)
    items[:] = [item for item in items if item not in empty]


def _has_no_rows(item: pytest.Item) -> bool:
    return any("empty parameter set" in mark.kwargs.get("reason", "") for mark in item.iter_markers("skip"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the figures."""
    rows = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for key, value in report.user_properties
        if key == _KEY
    ]
    for line in page.lines(rows):
        terminalreporter.write_line(line)
    if config.getoption("--write-page", False) and rows and not terminalreporter.stats.get("failed"):
        page.write(rows)


@pytest.fixture(scope="module")
def embedded(needs_root: None) -> Iterator[World]:
    """A site on SQLite alone."""
    with PrivateSite(fill, delivery="agent", into_sink=True, postfix_extra=_POSTFIX) as site:
        yield World(site)


@pytest.fixture(scope="module")
def cached(needs_root: None) -> Iterator[World]:
    """A site with Redis and a relay."""
    with PrivateSite(fill, delivery="agent", into_sink=True, cache=True, postfix_extra=_POSTFIX) as site:
        yield World(site)


@pytest.fixture(scope="module")
def on_postgresql(needs_root: None) -> Iterator[World]:
    """A site with PostgreSQL as the store, and a Redis and a relay before it."""
    binaries = programs()
    if binaries is None:
        leave_out("not installed: postgresql")
    server = PostgresServer(binaries)
    try:
        server.start()
        server.run_sql("CREATE DATABASE byname")
        store = server.url("byname")
        with PrivateSite(
            fill, delivery="agent", into_sink=True, cache=True, postfix_extra=_POSTFIX, store_url=store
        ) as site:
            yield World(site, server)
    finally:
        server.remove()


@pytest.fixture(scope="module")
def two_mtas(needs_namespaces: None) -> Iterator[World]:
    """Two machines for mail, one for the stores."""
    with _topology(TWO_MTAS) as world:
        yield world


@pytest.fixture(scope="module")
def no_single_point(needs_namespaces: None) -> Iterator[World]:
    """Two of everything."""
    with _topology(NO_SINGLE_POINT) as world:
        yield world


@pytest.fixture(scope="module")
def on_a_cluster(needs_namespaces: None) -> Iterator[World]:
    """Two machines for mail, one for the store, three with a Redis Cluster."""
    with _topology(CLUSTER) as world:
        yield world


@contextmanager
def _topology(plan: Plan) -> Iterator[World]:
    if missing := missing_packages(MANY):
        leave_out(f"not installed: {' '.join(missing)}")
    with Topology(plan, fill, _POSTFIX) as topology:
        yield ManyWorld(topology)


@pytest.fixture(scope="module")
def on_a_small_disk(needs_root: None) -> Iterator[World]:
    """A site with a cache, whose store and snapshots lie on a disk of a few megabytes."""
    with (
        _small_disk() as disk,
        PrivateSite(fill, delivery="agent", into_sink=True, cache=True, postfix_extra=_POSTFIX, disk=disk) as site,
    ):
        yield World(site)


@contextmanager
def _small_disk() -> Iterator[Path]:
    with short_folder() as place:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=755", "byname-test", place], check=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)
