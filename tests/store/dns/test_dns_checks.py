"""Checks as they are asked for, done, polled, abandoned, scheduled; and what dns-requirements shows."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from store.services import domains
from store.services.domain_checks import checks, schedule
from store.services.domain_checks.checker import CheckQueue
from store.services.domain_checks.checks import ABANDONED, MOST_KEPT
from store.services.domain_checks.requirements import DnsRequirements, known, required
from store.sql.database import Database
from store.sql.tables import DnsCheckRow
from store.sql.tenant import Acting
from tests.store.dns.dns_site import EXPECTED, DnsSite, dns_site
from tests.store.refusals import refused

NEW = "new.example"
DAY = timedelta(hours=24)


@pytest.fixture
def site(world: Database) -> Iterator[DnsSite]:
    with dns_site(world) as site:
        yield site


def asked(site: DnsSite, ref: int | str = NEW) -> int:
    with site.database.write() as tx:
        return checks.request(tx, ref, site.clock()).id


def look(site: DnsSite, check: int) -> checks.DnsCheck:
    with site.database.read() as tx:
        return checks.get(tx, check)


def shown(site: DnsSite, ref: int | str = NEW, nameservers: int = 2) -> DnsRequirements:
    with site.database.read() as tx:
        return required(tx, ref, EXPECTED, nameservers)


def test_asked_for_done_and_polled(site: DnsSite) -> None:
    site.add(NEW)
    site.publish(NEW)
    check = asked(site)
    assert asked(site) == check  # one at a time
    assert (look(site, check).status, look(site, check).records) == ("queued", ())
    done = site.checker.run(check)
    assert done == look(site, check)
    assert done is not None
    assert (done.status, done.event, done.code) == ("done", "proved", None)
    assert [(str(one.purpose), str(one.state)) for one in done.records] == [
        ("ownership", "ok"), ("mx", "missing"), ("mx", "missing"), ("spf", "missing"), ("dkim", "missing"),
        ("dmarc", "missing"),
    ]  # fmt: skip
    assert site.checker.run(check) is None  # done already
    assert asked(site) != check


def test_unknown_ones(site: DnsSite) -> None:
    with refused(site.database, "not-found"), site.database.read() as tx:
        checks.get(tx, 4711)
    with refused(site.database, "not-found"), site.database.write() as tx:
        checks.request(tx, 4711, site.clock())
    assert site.checker.run(4711) is None


def test_another_accounts_checks_are_not_there(site: DnsSite) -> None:
    site.add(NEW)
    check = asked(site)
    with refused(site.database, "not-found"), site.database.read(Acting(account_id=2)) as tx:
        checks.get(tx, check)
    with refused(site.database, "not-found"), site.database.write(Acting(account_id=2)) as tx:
        checks.request(tx, NEW, site.clock())
    with refused(site.database, "not-found"), site.database.read(Acting(account_id=2)) as tx:
        required(tx, NEW, EXPECTED, 2)


def test_the_domain_goes_while_it_is_checked(site: DnsSite) -> None:
    site.add(NEW)
    check = asked(site)
    with site.database.write() as tx:
        task = checks.claim(tx, check, site.clock())
    assert task is not None
    _, report = site.checker.look(NEW)
    with site.database.write() as tx:
        domains.remove(tx, NEW)
    with site.database.write() as tx:
        assert checks.finish(tx, task, report, site.clock()) is None


def test_what_a_killed_process_left_is_taken_again(site: DnsSite) -> None:
    site.add(NEW)
    site.publish(NEW)
    check = asked(site)
    with site.database.write() as tx:
        assert checks.claim(tx, check, site.clock()) is not None
    assert site.checker.run(check) is None  # it may be alive
    assert asked(site) == check
    site.clock.moment += ABANDONED + timedelta(seconds=1)
    assert check in [done.id for done in site.checker.verify_due(DAY)]
    assert look(site, check).event == "proved"


def test_old_checks_go(site: DnsSite) -> None:
    site.add(NEW)
    first = site.verify(NEW).id
    site.clock.pass_hours(8 * 24)
    second = site.verify(NEW).id
    with refused(site.database, "not-found"), site.database.read() as tx:
        checks.get(tx, first)
    assert look(site, second).status == "done"


def test_not_too_many_are_kept(site: DnsSite) -> None:
    site.add(NEW)
    numbers = [site.verify(NEW).id for _ in range(MOST_KEPT + 2)]
    with site.database.read() as tx:
        kept = tx.scalars(select(DnsCheckRow.id).order_by(DnsCheckRow.id)).all()
    assert kept == numbers[2:]


def test_the_queue_does_them_in_the_background(site: DnsSite) -> None:
    queue = CheckQueue(site.checker, threads=2)
    queue.put(4711)  # not there: nothing stops
    site.add(NEW)
    site.publish(NEW)
    check = asked(site)
    queue.put(check)
    deadline = time.monotonic() + 5
    while look(site, check).status != "done" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert look(site, check).event == "proved"
    assert site.domain(NEW).status == "active"


def due(site: DnsSite, every: timedelta = DAY) -> list[str]:
    with site.database.read() as tx:
        return sorted(site.domain(found).name for found in schedule.due(tx, every, site.clock()))


def test_what_is_due(site: DnsSite) -> None:
    site.proved(NEW)
    site.add("pending.example")
    known = ["brand-a.com", "brand-b.com", "new.example", "pending.example", "rival.com"]
    assert due(site) == [name for name in known if name != NEW]
    assert sorted(done.domain for done in site.checker.verify_due(DAY)) == [name for name in known if name != NEW]
    assert due(site) == []
    site.clock.pass_hours(1)
    assert due(site) == ["pending.example"]  # a new one, impatiently
    site.clock.pass_hours(23)
    assert due(site) == known
    site.withdraw(NEW)
    list(site.checker.verify_due(DAY))
    site.clock.pass_hours(12)
    assert due(site, timedelta(hours=168)) == ["new.example", "pending.example"]  # one that is missing
    site.clock.pass_hours(24 * 7)
    list(site.checker.verify_due(timedelta(hours=168)))
    site.clock.pass_hours(23)
    assert due(site, timedelta(hours=168)) == ["new.example"]  # the other one is not new any more


def test_before_the_first_check(site: DnsSite) -> None:
    site.add(NEW)
    view = shown(site)
    assert view.checked_at is None
    assert {str(one.state) for one in view.records} == {"unknown"}
    assert view.records[0].required == f"byname-verify={site.token(NEW)}"
    assert view.warnings == ()


def test_after_a_check_and_with_other_settings(site: DnsSite) -> None:
    site.proved(NEW)
    view = shown(site)
    assert view.checked_at == site.clock()
    assert [str(one.state) for one in view.records] == ["ok"] + ["missing"] * 5
    with site.database.read() as tx:
        other = required(tx, NEW, type(EXPECTED)(("mx9.host.test",)), 2)
    assert [(str(one.purpose), str(one.state)) for one in other.records] == [
        ("ownership", "ok"), ("mx", "unknown"), ("dkim", "missing"), ("dmarc", "missing"),
    ]  # fmt: skip


def test_warnings(site: DnsSite) -> None:
    site.proved(NEW)
    site.withdraw(NEW)
    for _ in range(2):
        site.clock.pass_hours(24)
        site.verify(NEW)
    assert "has been missing since" in shown(site).warnings[0]
    assert "a proof never lapses" in shown(site, nameservers=1).warnings[1]
    assert "no nameserver is asked" in shown(site, nameservers=0).warnings[1]
    site.lapsed(NEW)
    assert shown(site).warnings == ("the proof has lapsed: no new names until its record is back; mail still arrives",)
    site.add("\u0430\u0440\u0440\u04cf\u0435.example")
    assert "looks like 'appie'" in shown(site, "xn--80ak6aa92e.example").warnings[0]


def test_looking_changes_nothing(site: DnsSite) -> None:
    site.add(NEW)
    site.publish(NEW)
    domain, report = site.checker.look(NEW)
    assert (domain.status, str(report.records[0].state)) == ("pending_dns", "ok")
    assert site.domain(NEW).proof.last_checked_at is None


def test_a_name_pending_in_two_accounts(site: DnsSite) -> None:
    site.add(NEW)
    other = site.add(NEW, "rival")
    for ask in (site.checker.look, site.checker.verify):
        with refused(site.database, "conflict"):
            ask(NEW)
        with refused(site.database, "not-found"):
            ask(NEW, account="nobody")
    site.publish(other.id)
    done = site.checker.verify(NEW, account="rival")
    assert done is not None
    assert (done.domain_id, done.event) == (other.id, "proved")


def test_whether_a_check_is_under_way(site: DnsSite) -> None:
    domain = site.add(NEW).id
    other = site.add("other.example").id

    def is_checked(ref: int) -> bool:
        with site.database.read() as tx:
            return checks.under_way(tx, ref, site.clock())

    assert not is_checked(domain)
    check = asked(site, domain)
    assert (is_checked(domain), is_checked(other)) == (True, False)
    site.checker.run(check)
    assert not is_checked(domain)


def test_the_records_of_several_domains(site: DnsSite) -> None:
    first, second = site.add(NEW), site.add("other.example")
    site.publish(NEW)
    site.verify(NEW)
    with site.database.read() as tx:
        found = known(tx, [first, second], EXPECTED)
        assert known(tx, [], EXPECTED) == {}
    assert found == {first.id: shown(site).records, second.id: shown(site, second.id).records}
    assert [str(found[one.id][0].state) for one in (first, second)] == ["ok", "unknown"]
