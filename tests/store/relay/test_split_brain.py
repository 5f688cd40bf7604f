"""Two Redis primaries that nobody joins: each has a relay that lives and reads the same store."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from store.relay.rebuild import rebuild
from store.sql.database import Database
from store.wire_format import layout
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import Relaying, add_sales


@pytest.fixture
def other(relaying: Relaying) -> Iterator[Relaying]:
    """The relay of a second primary, which was promoted while the first lived on."""
    server = RedisServer()
    server.start()
    try:
        with closing(Relaying(relaying.database, server)) as opened:
            yield opened
    finally:
        server.remove()


def is_vouched_for(relaying: Relaying) -> bool:
    return bool(relaying.server.admin.exists(layout.LEASE_KEY))


def repaired_often(relaying: Relaying) -> None:
    """Make it count more than any mark says: what an audit puts right is counted, and no mark tells of it."""
    for _ in range(20):
        relaying.server.admin.hdel(layout.domain_key("brand-a.com"), "john")
        relaying.audit()


def test_nobody_vouches_for_a_primary_that_lacks_what_the_other_was_given(
    world: Database, relaying: Relaying, other: Relaying
) -> None:
    relaying.settle()
    other.settle()
    repaired_often(other)
    relaying.settle()
    relaying.change(add_sales)
    assert relaying.settle().is_leased
    for each in (other, relaying, other):
        step = each.relay.step()
        assert not step.is_leased or each.differences() == []


def test_a_former_primary_that_comes_back_unharmed_is_not_trusted(
    world: Database, relaying: Relaying, other: Relaying
) -> None:
    """The same run, with all that it was ever given; but changes went to the other one meanwhile."""
    relaying.settle()
    repaired_often(relaying)
    other.settle()
    other.change(add_sales)
    assert other.settle().is_leased
    assert "another one" in str(relaying.relay.step().distrust)
    assert not is_vouched_for(relaying)
    assert relaying.settle().is_leased
    assert relaying.differences() == []


def test_two_rebuilds_at_once_are_not_both_trusted(world: Database, relaying: Relaying, other: Relaying) -> None:
    """Each takes an epoch of its own; that of the later one holds."""
    under_way = rebuild(relaying.source, relaying.target)
    next(under_way)
    other.rebuild()
    list(under_way)
    assert relaying.relay.step().distrust is not None
    assert other.relay.step().is_leased


def test_a_rebuild_of_the_same_run_takes_no_new_epoch(world: Database, relaying: Relaying) -> None:
    relaying.settle()
    before = relaying.source.pending(1, 0).clock
    relaying.rebuild()
    assert relaying.source.pending(1, 0).clock == before
