"""Postfix reads hosted domains from a file that ``byname maps`` keeps: what a change means for mail, and when."""

import itertools
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from byname.sandbox.certificate import Certificate
from byname.sandbox.folders import short_folder
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.postfix import PrivatePostfix
from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from conf.map_file import MapFile, read_list
from edges.map_file.postmap import SETTLED, Postmap
from store.cache.propagation import Propagation
from store.services import aliases, domains, map_files
from store.sql.database import OPERATOR, Database, Transaction
from store.unit_of_work.idempotency_lock import IdempotencyLock
from store.unit_of_work.unit import UnitOfWork, live_at_once
from tests.mail.dialogue import Dialogue, logged_in
from tests.mail.postmap_config import postmap_config
from tests.mail.world import JOHN, fill

RELAY_DENIED = "554 5.7.1 <{0}>: Relay access denied"
numbers = itertools.count()


def name_in(domain: str) -> str:
    """An address that no smtpd process has been asked about: they remember the answer (docs/facts.md)."""
    return f"asked-{next(numbers)}@{domain}"


def replied(smtp: Dialogue, address: str) -> str:
    reply = smtp.mail([f"<{address}>"])[1]
    smtp.say("RSET")
    return reply


@pytest.fixture(scope="module", autouse=True)
def folder(needs_root: None) -> Iterator[Path]:
    with short_folder() as made, pytest.MonkeyPatch.context() as environ:
        environ.setenv("MAIL_CONFIG", str(postmap_config(made / "etc")))
        yield made


class Site:
    """A site whose Postfix reads the file. It was there before, so that no process has to notice a new one."""

    def __init__(self, running: PrivateSite, place: MapFile, database: Database) -> None:
        self.running, self.place, self.database = running, place, database

    @property
    def port(self) -> int:
        return self.running.postfix.inbound_port

    def change(self, step: Callable[[Transaction], object]) -> Propagation:
        """Make a change as every door does; return whether it is live."""
        unit = UnitOfWork(self.database, OPERATOR, live_at_once, IdempotencyLock())
        with unit.begin() as tx:
            step(tx)
        return unit.propagation()

    def add(self, domain: str) -> Propagation:
        return self.change(lambda tx: domains.add(tx, domain, account="brands", verified=True))

    def remove(self, domain: str) -> Propagation:
        return self.change(lambda tx: domains.remove(tx, domain, confirmed=True))

    def in_step(self) -> bool:
        with self.database.read() as tx:
            return [one.in_step for one in map_files.list_all(tx)] == [True]

    @contextmanager
    def without_its_writer(self) -> Iterator[None]:
        """Kill ``byname maps`` as hard as can be, and start it again at the end."""
        self.running.daemons["maps"].send(signal.SIGKILL)
        self.running.daemons["maps"].stop()
        try:
            yield
        finally:
            self.running.start_daemon("maps")
            self.running.wait_for_daemon("maps")
            wait_until(self.in_step, 10, "the file in step")


@pytest.fixture(scope="module")
def exporting(folder: Path) -> Iterator[Site]:
    place = MapFile("lmdb", folder / "domains")
    Postmap(place).replace([])
    extra = {"virtual_mailbox_domains": str(place)}
    site = PrivateSite(fill, into_sink=True, export=str(place), postfix_extra=extra)
    with site as started, closing(Database.open(started.url)) as database:
        made = Site(started, place, database)
        wait_until(made.in_step, 10, "the file in step")
        yield made


def test_a_new_domain_is_live_only_with_the_file(exporting: Site) -> None:
    with Dialogue(exporting.port) as smtp:
        assert replied(smtp, "sales@brand-a.test").startswith("250")
        assert replied(smtp, name := name_in("fresh.test")) == RELAY_DENIED.format(name)
        assert exporting.add("fresh.test") == "live"  # on this connection too, whose processes run since before
        assert replied(smtp, name := name_in("fresh.test")) == f"550 5.1.1 <{name}>: user unknown"
        with exporting.without_its_writer():
            assert exporting.add("late.test") == "pending"
            assert replied(smtp, name := name_in("late.test")) == RELAY_DENIED.format(name)
            assert not exporting.in_step()
            listed = exporting.running.run("map-file", "list")
            assert (listed.returncode, "out of step" in listed.stdout) == (1, True)
            assert replied(smtp, "sales@brand-a.test").startswith("250")  # the old file goes on
        assert replied(smtp, name := name_in("late.test")) == f"550 5.1.1 <{name}>: user unknown"
    assert "has changed -- restarting" not in exporting.running.postfix.log()


def test_a_removed_domain_is_refused_whatever_the_file_says(exporting: Site) -> None:
    exporting.add("parting.test")
    exporting.change(lambda tx: aliases.add(tx, "sales@parting.test", JOHN))
    with Dialogue(exporting.port) as smtp, logged_in(exporting.running, JOHN) as login:
        assert replied(smtp, "sales@parting.test").startswith("250")
        with exporting.without_its_writer():
            assert exporting.remove("parting.test") == "pending"
            assert replied(smtp, "sales@parting.test") == "550 5.1.2 <sales@parting.test>: not hosted here"
            login.mail(JOHN)  # for somebody else's domain now: it must neither be lost nor come back
            assert login.rcpt(name_in("parting.test"))[0] == 451
            assert login.rcpt("ann@outside.example")[0] == 250
            hidden = exporting.place.listing.rename(exporting.place.listing.with_suffix(".away"))
            assert replied(smtp, name_in("parting.test")).startswith("451 4.3.0")  # nothing can be learned
            assert replied(smtp, "sales@brand-a.test").startswith("250")
            hidden.rename(exporting.place.listing)
        assert "parting.test" in read_list(exporting.place)[1]
        assert replied(smtp, name := name_in("parting.test")) == RELAY_DENIED.format(name)
        # The same smtpd process remembers that this address was hosted, so Postfix would take the mail and bounce it.
        gone = "This domain is no longer hosted here, please try again"
        assert replied(smtp, "sales@parting.test") == f"451 4.3.0 <sales@parting.test>: {gone}"
    assert exporting.running.postfix.queue() == []


def is_hosted(smtp: Dialogue, domain: str) -> bool:
    return replied(smtp, name_in(domain)).startswith("250")


class ChrootedPostfix(PrivatePostfix):
    """As Debian has it: trivial-rewrite, which reads the files, runs chrooted to the queue directory."""

    def master_cf(self) -> str:
        return super().master_cf().replace("-  -  n  -      -  trivial-rewrite", "-  -  y  -      -  trivial-rewrite")


def test_when_running_processes_see_a_change(folder: Path, certificate: Certificate) -> None:
    """The facts that live and pending rest on (docs/facts.md, "Milter and Postfix")."""
    changed, renamed = (
        MapFile("lmdb", folder / "in-place"),
        [MapFile(kind, folder / "whole") for kind in ("lmdb", "cdb")],
    )
    for place in (changed, *renamed):
        Postmap(place).replace([])
    postfix = ChrootedPostfix(
        folder / "postfix",
        domains_map=", ".join(map(str, (changed, *renamed))),
        inbound_milter=None,
        submission_milter=None,
        lmtp=f"inet:{LOOPBACK}:9",
        certificate=certificate,
    )
    with postfix, Dialogue(postfix.inbound_port) as smtp:
        assert replied(smtp, "early@in.test") == RELAY_DENIED.format("early@in.test")
        Postmap(changed).add(["in.test"])
        assert replied(smtp, name_in("in.test")).startswith("250")
        assert replied(smtp, "early@in.test") == RELAY_DENIED.format("early@in.test")  # remembered
        Postmap(changed).remove(["in.test"])
        assert replied(smtp, name_in("in.test")).startswith("554")
        for place in renamed:
            Postmap(place).replace([f"{place.kind}.test"])
        assert replied(smtp, name_in("lmdb.test")).startswith("554")  # they have the old one open
        for kind in ("lmdb", "cdb"):
            sees = partial(is_hosted, smtp, f"{kind}.test")
            wait_until(sees, SETTLED, f"a Postfix that reads the new {kind} file")
    assert "reload" not in postfix.log()
    assert renamed[0].file.stat().st_mode & 0o777 == 0o644
