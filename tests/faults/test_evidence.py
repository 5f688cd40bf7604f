"""Where verdicts come from: Redis while the lease lives, SQL without it, grace when SQL is silent too."""

from collections.abc import Iterator

import pytest

from store.wire_format import layout
from tests.faults.world import World
from tests.mail.dialogue import Dialogue, logged_in, submit
from tests.mail.world import JOHN

HASH = layout.domain_key("brand-a.test")


def reply(world: World, recipient: str) -> str:
    """Return the reply that a client outside gets for a recipient."""
    with Dialogue(world.site.postfix.inbound_port) as smtp:
        smtp.say("MAIL FROM:<ann@outside.example>")
        return smtp.say(f"RCPT TO:<{recipient}>")


@pytest.fixture
def lie(cached: World) -> Iterator[str]:
    """Put a name into the cache that the store does not know, and keep the relay from finding out."""
    cached.wait_for_lease()
    with cached.stopped("relay"):
        cached.cache.hset(HASH, "liar", str(cached.cache.hget(HASH, "info"), "ascii"))  # type: ignore[arg-type]
        yield "liar@brand-a.test"
        cached.cache.hdel(HASH, "liar")
    cached.wait_for_lease()


def test_redis_is_believed_while_the_lease_lives_and_sql_without_it(cached: World, lie: str) -> None:
    assert cached.is_vouched_for()
    assert reply(cached, lie).startswith("250 ")
    cached.cache.delete(layout.LEASE_KEY)
    assert reply(cached, lie).startswith("550 5.1.1 ")
    assert reply(cached, "info@brand-a.test").startswith("250 ")


def test_sql_is_not_asked_while_the_lease_lives(cached: World) -> None:
    cached.wait_for_lease()
    with cached.broken_store():
        assert cached.is_vouched_for()
        assert reply(cached, "info@brand-a.test").startswith("250 ")
        assert reply(cached, "nobody@brand-a.test").startswith("550 5.1.1 ")
    cached.wait_for_lease()


def test_without_lease_and_sql_grace_lets_pass_what_the_cache_affirms(cached: World) -> None:
    cached.wait_for_lease()
    with logged_in(cached.site, JOHN) as client, cached.stopped("relay"), cached.broken_store():
        cached.cache.delete(layout.LEASE_KEY)
        assert reply(cached, "info@brand-a.test").startswith("250 ")
        for uncertain in ("nobody@brand-a.test", "disabled@brand-a.test", "anything@brand-b.test"):
            assert reply(cached, uncertain).startswith("451 4.3.0 ")
        assert submit(client, "<sales@brand-b.test>", b"From: sales@brand-b.test").startswith("250 ")
        assert submit(client, "<info@brand-a.test>", b"From: info@brand-a.test").startswith("451 4.3.0 ")
        cached.cache.delete(layout.SENDER_GRACE_KEY)
        assert submit(client, "<sales@brand-b.test>", b"From: sales@brand-b.test").startswith("451 4.3.0 ")
        assert reply(cached, "info@brand-a.test").startswith("250 ")
        cached.cache.delete(layout.GRACE_KEY)
        assert reply(cached, "info@brand-a.test").startswith("451 4.3.0 ")
    cached.wait_for_lease()
    assert reply(cached, "nobody@brand-a.test").startswith("550 5.1.1 ")
