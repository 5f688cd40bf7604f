"""Scripts on a real Dovecot: installed, refused, changed behind our back, taken over, given back; in trouble."""

import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Thread

import pytest

from admin_api.filtering.client import Server
from admin_api.filtering.connection import Patience
from admin_api.filtering.installer import ACTING, Installer
from admin_api.filtering.marking import is_ours, marked
from byname.sandbox.certificate import Certificate, make_certificate
from byname.sandbox.dovecot import PrivateDovecot
from byname.sandbox.dovecot_config import Filters
from byname.sandbox.folders import short_folder
from byname.sandbox.ports import free_port
from byname.sandbox.requirements import WEBMAIL, missing_packages
from byname.sandbox.waiting import wait_until
from conf.listen import InetSocket
from routing.filters.model import Rule
from store.clock import utc_now
from store.passwords import PasswordHash, hash_password
from store.services import accounts, domains, mailboxes
from store.services.filters import installing
from store.services.filters.installing import Outcome
from store.sql.database import Database
from tests.filters.held import Holding
from tests.filters.world import (
    NAME,
    PATIENCE,
    POLICY,
    Person,
    act,
    condition,
    give_back,
    install_all,
    installer,
    keep,
    rule,
    server,
    state,
    take_over,
    written,
)
from tests.mail.conftest import leave_out, needs_root
from tests.store.new_store import make_store

__all__ = ["needs_root"]

RULE = rule(condition("subject", "contains", "offer"), act("move", "Offers"), name="offers")
HASTY = Patience(connect=1, answer=1, session=3)
FAIR = Patience(connect=5, answer=5, session=20)
OWN = 'my "own" \\ filter 😀'
HERS = b'# line ends of all kinds\nrequire "fileinto";\r\nif header :is "X" "\xc3\xbc" {\n\tfileinto "X"; \r\n}\n\n'


@dataclass(slots=True)
class Store:
    """A Dovecot, and the mailboxes that it knows."""

    dovecot: PrivateDovecot
    database: Database
    password: PasswordHash
    numbers: Iterator[int]

    @property
    def filters(self) -> Filters:
        assert self.dovecot.filters is not None
        return self.dovecot.filters

    def mailbox(self, *rules: Rule) -> str:
        """Make a mailbox with rules."""
        address = f"box{next(self.numbers)}@brand-a.test"
        with self.database.write() as tx:
            mailboxes.add(tx, address, self.password)
        keep(self.database, address, rules)
        return address

    def install(self, at: Server | None = None, *, patience: Patience = PATIENCE, later: int = 0) -> int:
        """Install what is due, or will be ``later`` minutes from now."""
        made = installer(
            self.database, at or server(self.filters), patience, lambda: utc_now() + timedelta(minutes=later)
        )
        return install_all(made)

    def person(self, mailbox: str) -> Person:
        return Person(server(self.filters), mailbox)

    def told(self, mailbox: str) -> tuple[str, str | None]:
        found = state(self.database, mailbox)
        return found.state, found.code


@pytest.fixture(scope="module")
def store(needs_root: None) -> Iterator[Store]:
    if missing := missing_packages({name: WEBMAIL[name] for name in WEBMAIL if "dovecot" in name}):
        leave_out(f"not installed: {' '.join(missing)}")
    with short_folder() as folder:
        url = f"sqlite:///{folder}/byname.db"
        make_store(url)
        database = Database.open(url)
        with database.write() as tx:
            accounts.create(tx, "brands", "agency")
            domains.add(tx, "brand-a.test", account="brands", verified=True)
        (folder / "dovecot").mkdir()
        filters = Filters(make_certificate(folder), "byname", "secret of the master", free_port())
        with PrivateDovecot(folder / "dovecot", database=folder / "byname.db", filters=filters) as dovecot:
            yield Store(dovecot, database, PasswordHash(hash_password("one for all")), count())
        database.close()


@pytest.fixture(scope="module")
def stranger() -> Iterator[Certificate]:
    """A certificate that the server does not have."""
    with short_folder() as folder:
        yield make_certificate(folder)


@pytest.fixture(autouse=True)
def nothing_is_due(store: Store) -> None:
    """Leave nothing of the test before to be done."""
    with closing(sqlite3.connect(store.dovecot.database)) as connection, connection:
        connection.execute("UPDATE filter_scripts SET due_at = NULL, held_until = NULL")


@pytest.mark.parametrize("security", ["starttls", "implicit", "none"])
def test_rules_are_installed(store: Store, security: str) -> None:
    box = store.mailbox(RULE)
    assert store.told(box) == ("pending", None)
    found = state(store.database, box)
    for later in range(0, 6, 2):  # minutes
        # Dovecot 2.3.19 now and then overlooks a login that comes at once in TLS from the start; the next try is heard.
        assert store.install(server(store.filters, security), patience=FAIR, later=later) == 1  # type: ignore[arg-type]
        if (found := state(store.database, box)).state == "installed":
            break
    assert (found.state, found.reason, found.installed_version) == ("installed", None, found.wanted_version)
    assert store.person(box).scripts() == ({NAME: marked(written(store.database, box))}, NAME)
    assert store.install() == 0
    assert store.install(later=66) == 1  # a look at whether it is still there
    assert store.told(box) == ("installed", None)


def test_ours_stands_beside_what_does_not_run(store: Store) -> None:
    box = store.mailbox(RULE)
    store.person(box).put(OWN, HERS)
    assert store.install() == 1
    assert store.person(box).scripts() == ({OWN: HERS, NAME: marked(written(store.database, box))}, NAME)


def test_ones_own_script_stays_byte_for_byte_over_twenty_changes(store: Store) -> None:
    box = store.mailbox(RULE)
    person = store.person(box)
    person.put(OWN, HERS)
    person.activate(OWN)
    store.install()
    assert store.told(box) == ("foreign", "own-script-active")
    assert state(store.database, box).reason == f'the mailbox has a script of its own, "{OWN}", which is active'
    assert person.scripts() == ({OWN: HERS}, OWN)
    take_over(store.database, box)
    for number in range(20):
        assert store.install() == 1
        scripts, active = person.scripts()
        assert (store.told(box), active) == (("installed", None), NAME)
        assert scripts == {OWN: HERS, NAME: marked(written(store.database, box))}
        assert scripts[NAME].endswith(b'include :personal :optional "my \\"own\\" \\\\ filter \xf0\x9f\x98\x80";\r\n')
        keep(store.database, box, [replace(RULE, name=f"offers {number}")])
    give_back(store.database, box)
    assert store.install() == 1
    assert (store.told(box), person.scripts()) == (("off", None), ({OWN: HERS}, OWN))
    keep(store.database, box, [RULE])
    assert store.install(later=120) == 0
    take_over(store.database, box)
    store.install()
    assert (store.told(box), person.scripts()[1]) == (("installed", None), NAME)


def change(person: Person) -> None:
    person.put(NAME, person.scripts()[0][NAME] + b"stop;\r\n")


def replace_it(person: Person) -> None:
    person.put(OWN, HERS)
    person.activate(OWN)


def switch_off(person: Person) -> None:
    person.activate(None)


def remove(person: Person) -> None:
    person.activate(None)
    person.delete(NAME)


@pytest.mark.parametrize(
    ("behind_our_back", "code", "own", "kept"),
    [
        (change, "changed", None, True),
        (replace_it, "replaced", OWN, False),
        (switch_off, "switched-off", None, False),
        (remove, "switched-off", None, False),
    ],
)
def test_what_happens_behind_our_back_is_shown_and_stays_until_someone_takes_over(
    store: Store, behind_our_back: Callable[[Person], None], code: str, own: str | None, *, kept: bool
) -> None:
    box = store.mailbox(RULE)
    person = store.person(box)
    store.install()
    behind_our_back(person)
    before = person.scripts()
    assert store.install(later=61) == 1
    assert store.told(box) == ("foreign", code)
    keep(store.database, box, [RULE])
    store.install(later=122)
    assert (store.told(box), person.scripts()) == (("foreign", code), before)
    take_over(store.database, box)
    store.install()
    scripts, active = person.scripts()
    found = state(store.database, box)
    assert (found.state, found.own_script, active, is_ours(scripts[NAME])) == ("installed", own, NAME, True)
    assert scripts.get("byname-kept-1") == (before[0][NAME] if kept else None)
    assert own is None or scripts[own] == HERS


def test_a_script_of_our_name_is_not_overwritten(store: Store) -> None:
    box = store.mailbox(RULE)
    person = store.person(box)
    person.put(NAME, HERS)
    store.install()
    assert (store.told(box), person.scripts()) == (("foreign", "name-taken"), ({NAME: HERS}, None))
    give_back(store.database, box)
    store.install()
    assert (store.told(box), person.scripts()) == (("off", None), ({"byname-kept-1": HERS}, None))


def test_a_refused_script_is_told_in_the_servers_words_and_installed_once_it_is_good(store: Store) -> None:
    box = store.mailbox(RULE)
    person = store.person(box)
    person.put("hers", b"keep;\r\n")
    person.activate("hers")
    path = home(store, box) / "sieve" / "hers.sieve"
    path.write_text("keep; nonsense;\n")  # by another way than ManageSieve, which would not have taken it
    take_over(store.database, box)
    store.install()
    found = state(store.database, box)
    assert (found.state, found.code) == ("refused", "script-refused")
    assert "unknown command 'nonsense'" in (found.reason or "")
    assert person.scripts()[1] == "hers"
    path.write_text("keep;\n")
    store.install(later=61)
    assert (store.told(box), person.scripts()[1]) == (("installed", None), NAME)


def test_another_certificate_is_not_trusted(store: Store, stranger: Certificate) -> None:
    box = store.mailbox(RULE)
    for security in ("starttls", "implicit"):
        store.install(server(store.filters, security, stranger), later=5)
        found = state(store.database, box)
        assert (found.state, found.code) == ("pending", "unreachable")
        assert found.reason == "the server's certificate is not to be trusted: self-signed certificate"
    other_name = replace(server(store.filters), place=InetSocket("127.1", store.filters.port))
    store.install(other_name, later=10)
    assert "certificate is not valid for '127.1'" in (state(store.database, box).reason or "")
    store.install(later=15)
    assert store.told(box) == ("installed", None)


def test_a_wrong_password_is_told_and_tried_again_in_growing_waits(store: Store) -> None:
    box = store.mailbox(RULE)
    wrong = replace(server(store.filters), master_password="not it")
    waits = []
    for number in range(3):
        before = utc_now() + timedelta(minutes=number)
        assert store.install(wrong, later=number) == 1
        found = state(store.database, box)
        assert (found.state, found.code, found.attempts) == ("pending", "login-refused", number + 1)
        assert "does not let the master user in for this mailbox" in (found.reason or "")
        assert "not it" not in (found.reason or "")
        waits.append(round(((found.next_try_at or before) - before).total_seconds() / 2))
    assert waits == sorted(waits)
    assert waits[0] < waits[2]
    store.install(later=9)
    assert store.told(box) == ("installed", None)


def test_a_server_that_is_down_or_silent_loses_nothing(store: Store) -> None:
    boxes = [store.mailbox(RULE) for _ in range(4)]
    store.dovecot.stop()
    store.install(patience=HASTY)
    assert sorted(store.told(box)[0] for box in boxes) == ["pending"] * 4
    assert ("pending", "unreachable") in [store.told(box) for box in boxes]
    with installer(store.database, server(store.filters), HASTY) as installs:
        store.dovecot.start()
        installs.wake()
        wait_until(lambda: all(store.told(box) == ("installed", None) for box in boxes), 30, "the restarted server")
    keep(store.database, boxes[0], [RULE])
    store.dovecot.send(signal.SIGSTOP)
    try:
        store.install(patience=HASTY)
        found = state(store.database, boxes[0])
    finally:
        store.dovecot.send(signal.SIGCONT)
    assert (found.state, found.code, found.reason) == ("pending", "unreachable", "the server does not answer in time")
    store.install(later=1)
    assert store.told(boxes[0]) == ("installed", None)


def test_one_mailboxs_trouble_does_not_hold_up_the_others(store: Store) -> None:
    held, *others = [store.mailbox(RULE) for _ in range(6)]
    with Holding(store.filters.port, held) as proxy:
        plain = replace(server(store.filters, "none"), place=InetSocket("127.0.0.1", proxy.port))
        with installer(store.database, plain, HASTY):
            wait_until(lambda: all(store.told(box) == ("installed", None) for box in others), 20, "the others")
            wait_until(lambda: store.told(held) == ("pending", "no-answer"), 20, "the one that is held up")
    assert state(store.database, held).reason == "the server does not answer in time"


def test_two_processes_share_the_work_and_nobody_does_it_twice(store: Store) -> None:
    boxes = [store.mailbox(RULE) for _ in range(12)]
    logins = store.dovecot.log().count("managesieve-login: Info: Login: user=<box")
    others = Database.open(f"sqlite:///{store.dovecot.database}")
    made = [installer(database, server(store.filters)) for database in (store.database, others)]
    counts: list[int] = []
    threads = [Thread(target=lambda one=one: counts.append(install_all(one))) for one in made * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    others.close()
    assert sum(counts) == len(boxes)
    assert {store.told(box) for box in boxes} == {("installed", None)}
    assert store.dovecot.log().count("managesieve-login: Info: Login: user=<box") - logins == len(boxes)


def test_who_comes_late_does_not_count(store: Store) -> None:
    box = store.mailbox(RULE)
    site = installer(store.database, server(store.filters))._site
    with store.database.write(ACTING) as tx:
        lost = installing.take(tx, POLICY, utc_now(), site.lease)
    assert lost is not None
    assert lost.mailbox == box
    assert store.install() == 0  # it is held
    assert store.install(later=10) == 1
    with store.database.write(ACTING) as tx:
        assert not installing.note(tx, lost, Outcome("refused", None), utc_now())
    assert store.told(box) == ("installed", None)


def test_what_changes_meanwhile_is_installed_next(store: Store) -> None:
    box = store.mailbox(RULE)

    def changed_meanwhile() -> datetime:
        if next(looks) == 1:
            keep(store.database, box, [replace(RULE, name="meanwhile")])
        return utc_now()

    looks = count()
    made: Installer = installer(store.database, server(store.filters), PATIENCE, changed_meanwhile)
    assert made.install_one()
    found = state(store.database, box)
    assert (found.state, found.installed_version, found.wanted_version) == ("pending", 1, 2)
    assert made.install_one()
    assert store.told(box) == ("installed", None)
    assert b"meanwhile" in store.person(box).scripts()[0][NAME]


def home(store: Store, mailbox: str) -> Path:
    local, _, domain = mailbox.partition("@")
    return store.dovecot.folder / "home" / domain / local
