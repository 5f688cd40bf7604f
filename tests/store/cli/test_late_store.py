"""The store of a daemon with a cache, which is opened late: when it is asked, or soon after the daemon serves."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from byname.cli_context import CliContext
from byname.sandbox.waiting import wait_until
from byname.wiring.late_store import LateStore
from routing.address import Address
from routing.directory import LookupFailed
from store.errors import StoreNotReady
from store.sql.database import Database
from tests.store.cli.command_line import CommandLine

SALES = Address("sales", "brand-b.test")


class Opening:
    """Opens the store of a site, and counts how often."""

    def __init__(self, config: Path) -> None:
        self._run = CliContext(config=config)
        self.times = 0
        self.is_open = threading.Event()

    @contextmanager
    def __call__(self) -> Iterator[Database]:
        self.times += 1
        with self._run.database(may_be_silent=True) as database:
            self.is_open.set()
            yield database
        self.is_open.clear()


@pytest.fixture
def ends() -> Iterator[list[int]]:
    """Take SIGTERM, as a daemon that serves does; yield the signals that came."""
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    yield came
    signal.signal(signal.SIGTERM, before)


def test_who_asks_opens_it_once(byname: CommandLine) -> None:
    opening = Opening(byname.config)
    with LateStore(opening) as late, ThreadPoolExecutor(4) as askers:
        answers = list(askers.map(late.lookup, [[SALES]] * 4))
        assert [list(answer["brand-b.test"].names) for answer in answers] == [["sales"]] * 4
        assert opening.times == 1
    assert not opening.is_open.is_set()


def test_it_is_opened_unasked_once_the_daemon_serves(byname: CommandLine, ends: list[int]) -> None:
    opening = Opening(byname.config)
    with LateStore(opening):
        wait_until(opening.is_open.is_set, 10, "the store")
    assert (opening.times, ends) == (1, [])


def test_without_a_store_there_is_no_evidence_and_the_daemon_ends(byname: CommandLine, ends: list[int]) -> None:
    byname.database.unlink()
    opening = Opening(byname.config)
    with pytest.raises(StoreNotReady, match="byname db upgrade"), LateStore(opening) as late:
        for _ in range(2):
            with pytest.raises(LookupFailed):
                late.lookup([SALES])
    assert (opening.times, ends) == (1, [signal.SIGTERM])


def test_where_the_cache_cannot_answer_it_is_opened_first(byname: CommandLine, ends: list[int]) -> None:
    opening = Opening(byname.config)
    with LateStore(opening, at_once=True) as late:
        assert (opening.times, opening.is_open.is_set()) == (1, True)
        assert "sales" in late.lookup([SALES])["brand-b.test"].names
    byname.database.unlink()
    with pytest.raises(StoreNotReady), LateStore(opening, at_once=True):
        pytest.fail("began without a store")
    assert (opening.is_open.is_set(), ends) == (False, [])
