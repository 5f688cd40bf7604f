"""Mails to aliases are counted once: two milters, Redis and a relay over PostgreSQL, and what each of them may lose.

docs/aliases.md promises: a killed milter loses what it had not handed on yet, some seconds; a killed relay and a Redis
that is away lose nothing while the mail processes live; and none of them costs a mail.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import redis

from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from store.counting.handing_over import EVERY
from store.migrations import migrate
from store.services import account_settings
from store.services.statistics import activity
from store.sql.database import Database
from store.wire_format.counts import FIELD, STREAM
from tests.mail.dialogue import Dialogue, logged_in, submit
from tests.mail.world import JOHN, MARY, fill
from tests.store.conftest import postgres
from tests.store.postgres_server import PostgresServer

__all__ = ["postgres"]

SALES, INFO, DISABLED = "sales@brand-b.test", "info@brand-a.test", "disabled@brand-a.test"
MANY = [f"many-{number}@brand-a.test" for number in range(6)]  # one for each test
OUTBOX, TEAM = "outbox@brand-b.test", "team@brand-a.test"
_WITHIN = 20.0  # seconds: more than any way takes, for machines that are busy

Figures = tuple[int, dict[str, int]]  # accepted, refused by rule


@pytest.fixture(scope="module")
def counted(needs_root: None, postgres: PostgresServer) -> Iterator[PrivateSite]:
    """A site with a cache, whose store is PostgreSQL and whose milters count."""
    postgres.run_sql("CREATE DATABASE counts")
    url = postgres.url("counts")
    migrate.upgrade(url)
    with PrivateSite(fill, into_sink=True, cache=True, store_url=url) as site:
        with closing(Database.open(url)) as database, database.write() as tx:
            account_settings.update(tx, "brands", remember_senders_days=30)
        yield site
    postgres.run_sql("DROP DATABASE counts WITH (FORCE)")


def figures(site: PrivateSite, address: str) -> Figures:
    with closing(Database.open(site.url)) as database, database.read() as tx:
        found = activity.statistics(tx, address)
        return found.accepted, found.refused_by_rule


def await_figures(site: PrivateSite, address: str, wanted: Figures) -> None:
    """Wait until so much is counted, and see a while later that it is no more."""
    wait_until(lambda: figures(site, address) == wanted, _WITHIN, f"{address}: {wanted}")


def send(site: PrivateSite, *recipients: str, times: int = 1, sender: str = "<ann@outside.example>") -> list[str]:
    with Dialogue(site.postfix.inbound_port) as smtp:
        return [smtp.mail([f"<{each}>" for each in recipients], sender=sender)[-1] for _ in range(times)]


def plus(before: Figures, accepted: int = 0, **refused: int) -> Figures:
    rules = dict(before[1])
    for rule, more in refused.items():
        name = rule.replace("_", "-")
        rules[name] = rules.get(name, 0) + more
    return before[0] + accepted, rules


def entries(site: PrivateSite) -> int:
    with redis.Redis(unix_socket_path=str(site.redis.socket)) as client:
        return int(client.xlen(STREAM))


def kill(site: PrivateSite, name: str) -> None:
    site.daemons[name].send(signal.SIGKILL)
    site.daemons[name].stop()


def restart(site: PrivateSite, name: str) -> None:
    site.start_daemon(name)
    site.wait_for_daemon(name)


def test_each_mail_counts_once_for_each_name(counted: PrivateSite) -> None:
    sales, info, off, outbox = (figures(counted, one) for one in (SALES, INFO, DISABLED, OUTBOX))
    send(counted, SALES)
    send(counted, "sales+a@brand-b.test", "Sales+B@BRAND-B.test", INFO, JOHN, DISABLED, DISABLED, OUTBOX)
    send(counted, "nobody@brand-a.test", "any@brand-b.test", sender="<>")
    with logged_in(counted, MARY) as client:  # the second milter
        assert submit(client, f"<{MARY}>", b"From: mary@brand-a.test", SALES).startswith("250")
    await_figures(counted, SALES, plus(sales, 3))
    await_figures(counted, INFO, plus(info, 1))
    await_figures(counted, DISABLED, plus(off, alias_disabled=1))
    await_figures(counted, OUTBOX, plus(outbox, alias_receive_off=1))
    with closing(Database.open(counted.url)) as database, database.read() as tx:
        wrote = {one.sender: one.accepted for one in activity.senders(tx, SALES).items}
    assert wrote == {"ann@outside.example": 2, MARY: 1}


def test_a_mail_that_is_not_accepted_is_not_counted(counted: PrivateSite) -> None:
    before = figures(counted, TEAM)
    with Dialogue(counted.postfix.inbound_port) as smtp:
        smtp.say("MAIL FROM:<ann@outside.example>")
        assert smtp.say(f"RCPT TO:<{TEAM}>").startswith("250")
        smtp.say("RSET")
    send(counted, TEAM)
    await_figures(counted, TEAM, plus(before, 1))


def test_a_killed_relay_counts_nothing_twice(counted: PrivateSite) -> None:
    kill(counted, "relay")
    assert all(reply.startswith("250") for reply in send(counted, MANY[0], times=4))
    time.sleep(1.5 * EVERY)  # all is handed on by then
    with redis.Redis(unix_socket_path=str(counted.redis.socket)) as client:
        found = client.xrange(STREAM)
        assert found
        for _, fields in found:  # as from a relay that was killed before it took them out
            client.xadd(STREAM, {FIELD: fields[FIELD.encode()]})
    restart(counted, "relay")
    wait_until(lambda: entries(counted) == 0, _WITHIN, "the relay to merge all")
    assert figures(counted, MANY[0]) == (4, {})


def test_a_killed_milter_loses_the_last_seconds_at_most(counted: PrivateSite) -> None:
    send(counted, MANY[1], times=2)
    await_figures(counted, MANY[1], (2, {}))
    send(counted, MANY[1], times=3)
    kill(counted, "inbound")
    restart(counted, "inbound")
    send(counted, MANY[1], MANY[2])
    await_figures(counted, MANY[2], (1, {}))
    assert 3 <= figures(counted, MANY[1])[0] <= 6


def test_a_milter_that_is_stopped_loses_nothing(counted: PrivateSite) -> None:
    send(counted, MANY[3], times=3)
    assert counted.daemons["inbound"].stop() == 0
    restart(counted, "inbound")
    await_figures(counted, MANY[3], (3, {}))


@pytest.mark.parametrize("way", ["frozen", "gone"])
def test_redis_away(counted: PrivateSite, way: str) -> None:
    """Mail goes on, over SQL, and is counted once Redis is back; answers that were lost count nothing twice."""
    alias = MANY[4 if way == "frozen" else 5]
    stop, go_on = _ways(counted)[way]
    stop()
    assert all(reply.startswith("250") for reply in send(counted, alias, times=2))
    time.sleep(1.5 * EVERY)  # a hand-over fails
    assert all(reply.startswith("250") for reply in send(counted, alias))
    go_on()
    await_figures(counted, alias, (3, {}))


def _ways(site: PrivateSite) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    return {"frozen": (site.redis.freeze, site.redis.thaw), "gone": (site.redis.kill, site.redis.start)}


def test_without_a_cache(site: PrivateSite) -> None:
    """Straight into SQL."""
    before, off = figures(site, SALES), figures(site, DISABLED)
    send(site, SALES, DISABLED)
    await_figures(site, SALES, plus(before, 1))
    await_figures(site, DISABLED, plus(off, alias_disabled=1))


def test_the_lmtp_edge_counts_what_it_has_delivered(needs_root: None) -> None:
    """With delivery = agent the milter counts what it refuses, and the edge what the store has taken."""
    with PrivateSite(fill, delivery="agent", into_sink=True) as site:
        sales, info, off = (figures(site, one) for one in (SALES, INFO, DISABLED))
        send(site, SALES, "sales+a@brand-b.test", INFO, DISABLED)
        site.postfix.wait_until_idle()
        await_figures(site, INFO, plus(info, 1))
        await_figures(site, SALES, plus(sales, 1))
        await_figures(site, DISABLED, plus(off, alias_disabled=1))
        assert site.daemons["lmtp"].stop() == 0
        assert site.daemons["inbound"].stop() == 0
        assert figures(site, SALES) == plus(sales, 1)
