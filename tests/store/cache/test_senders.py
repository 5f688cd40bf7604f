"""From whom aliases take mail: every case over SQL, over the cache, and under grace, as the core decides it."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from routing.directory import Directory
from routing.memory_directory import SilentDirectory
from store.cache.directory import RedisDirectory
from store.cache.fallback import FallbackDirectory
from store.cache.metrics import DirectoryMetrics
from store.services import accounts, aliases, domains, mailboxes
from store.services.sender_lists import from_line
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.wire_format import layout
from tests.store.cache.filled_cache import mirror
from tests.store.new_store import make_store
from tests.store.redis_server import RedisServer
from tests.unit.sender_cases import ALIASES, AT_END, AT_RCPT, CASES, DOMAIN, expected, judged


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('senders')}/byname.db"
    make_store(url)
    database = Database.open(url)
    with database.write() as tx:
        accounts.create(tx, "acme", "agency")
        domains.add(tx, DOMAIN, account="acme", verified=True)
        mailboxes.add(tx, f"john@{DOMAIN}", "correct horse")
        for local, (line, sends) in ALIASES.items():
            aliases.add(tx, f"{local}@{DOMAIN}", f"john@{DOMAIN}", can_send=sends, senders=from_line(line))
    yield database
    database.close()


@pytest.fixture
def cached(filled: Database) -> Iterator[tuple[Directory, RedisServer]]:
    """The cache alone: SQL is silent."""
    server = RedisServer()
    server.start()
    mirror(server, filled)
    redis = RedisDirectory.open(server.url)
    both = FallbackDirectory(redis, SilentDirectory(), DirectoryMetrics(CollectorRegistry()))
    yield both, server
    both.close()
    server.remove()


def test_sql(filled: Database) -> None:
    directory = SqlDirectory(filled)
    assert [judged(directory, case) for case in CASES] == [(case.outcome, expected(case)) for case in CASES]


def test_cache_and_grace(cached: tuple[Directory, RedisServer]) -> None:
    directory, server = cached
    assert [judged(directory, case) for case in CASES] == [(case.outcome, expected(case)) for case in CASES]
    server.admin.delete(layout.LEASE_KEY)
    for case in CASES:
        outcome, reply = judged(directory, case)
        if case.outcome in {AT_RCPT, AT_END}:
            assert reply == f"451 4.3.0 <{case.alias}@{DOMAIN}>: Recipient lookup failed, please try again"
        else:
            assert outcome == case.outcome
