"""The views for Dovecot, held to the recipient table: the sample file's query answers what ``resolve`` says.

A userdb has three answers only: a mailbox, none (Dovecot says 550), a failure for now (451).
"""

import re
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from sqlalchemy import update

from routing.address import Address, parse_path, routes_on, split_detail
from routing.policy import Policy
from routing.recipient import resolve
from routing.verdicts import Defer, Deliver, RecipientVerdict
from store.migrations import migrate
from store.services import account_settings, accounts, aliases, domain_settings, domains, mailboxes
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.tables import MailboxRow
from store.sql.tenant import Transaction
from tests.store.new_store import make_store
from tests.store.sql.dovecot_query import filled, sample_query
from tests.store.sql.test_directory import many_names
from tests.store.sql.test_migrations import run_sql
from tests.unit.test_recipient import DELIVERED, REFUSED

USERDB = "dovecot-userdb/byname-sql.conf.ext"
MAILBOXES = "byname-sql.conf.ext"
PASSWORD = "correct horse battery"
WAITS, UNKNOWN = "waits", "unknown"

# The columns of tests/unit/test_recipient.py, and what its other tests write.
WRITTEN = [
    *(case[0] for case in DELIVERED),
    *(case[0] for case in REFUSED),
    *(f"{local}@suspended.test" for local in ("sue", "both", "nobody", "abuse")),
    "postmaster@empty.test",
    "postmaster@suspended.test",
]
LOCALS = ["john", "mary", "paused", "old", "sue", "both", "eve", "ceo", "sales", "info", "off", "outbox", "sleeping",
          "moved", "team", "nick", "gone", "postmaster", "abuse", "hostmaster", "mailer-daemon", "nobody", "+sales",
          "sales+x", "off+x", "gone+x", "postmaster+x", "it's", "a b", "100%n", "@rest", "@system", "%Ln", "",
          "'; --"]  # fmt: skip
DOMAINS = ["brand-a.test", "brand-b.test", "off.test", "suspended.test", "sleepy.test", "drowsy.test", "empty.test",
           "other.test", "xn--bcher-kva.test", "pending.test", "outside.test"]  # fmt: skip


def fill(tx: Transaction) -> None:
    """The names of tests.unit.sample_site, made by the services."""
    _make_domains(tx)
    for address in ("john@brand-a.test", "mary@brand-a.test", "paused@brand-a.test", "old@off.test", "dan@drowsy.test",
                    "sue@suspended.test", "both@suspended.test", "eve@other.test"):  # fmt: skip
        mailboxes.add(tx, address, PASSWORD)
    _make_aliases(tx)
    domain_settings.update(tx, "brand-a.test", system_mailbox="mary@brand-a.test")
    domain_settings.update(tx, "brand-b.test", catch_all="john@brand-a.test")
    domain_settings.update(tx, "sleepy.test", catch_all="paused@brand-a.test")
    domain_settings.update(tx, "drowsy.test", system_mailbox="paused@brand-a.test")
    mailboxes.update(tx, "both@suspended.test", is_active=False)
    asleep = mailboxes.get(tx, "paused@brand-a.test").id  # under a catch-all: from a time when that was not refused
    tx.execute(update(MailboxRow).where(MailboxRow.id == asleep).values(is_active=False))
    domain_settings.update(tx, "off.test", is_active=False)
    accounts.update(tx, "late", is_active=False)


def _make_domains(tx: Transaction) -> None:
    for account in ("brands", "late", "rival"):
        accounts.create(tx, account, "agency")
    account_settings.update(tx, "brands", keep_deleted_days=30)
    for name in ("brand-a.test", "brand-b.test", "off.test", "sleepy.test", "drowsy.test", "empty.test", "bücher.test"):
        domains.add(tx, name, account="brands", verified=True)
    domains.add(tx, "suspended.test", account="late", verified=True)
    domains.add(tx, "other.test", account="rival", verified=True)
    for name in ("pending.test", "brand-a.test"):
        domains.add(tx, name, account="rival")


def _make_aliases(tx: Transaction) -> None:
    john = "john@brand-a.test"
    for address, mailbox in (
        ("sales@brand-a.test", john), ("info@brand-a.test", john), ("off@brand-a.test", john),
        ("outbox@brand-a.test", john), ("sales@brand-b.test", john), ("off@brand-b.test", john),
        ("outbox@brand-b.test", john), ("john@bücher.test", john), ("nick@off.test", john),
        ("sleeping@brand-a.test", "paused@brand-a.test"), ("moved@brand-a.test", "old@off.test"),
        ("team@brand-a.test", "mary@brand-a.test"), ("ceo@other.test", "eve@other.test"),
    ):  # fmt: skip
        aliases.add(tx, address, mailbox)
    for domain in ("brand-a.test", "brand-b.test"):
        aliases.update(tx, f"off@{domain}", is_active=False)
        aliases.update(tx, f"outbox@{domain}", can_receive=False)
        aliases.add(tx, f"gone@{domain}", john)
        aliases.remove(tx, f"gone@{domain}")


@pytest.fixture(scope="module")
def sqlite_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('userdb') / 'byname.db'}"
    make_store(url)
    yield from _filled_database(url)


@pytest.fixture
def postgres_world(postgres_url: str) -> Iterator[Database]:
    yield from _filled_database(postgres_url)


def _filled_database(url: str) -> Iterator[Database]:
    database = Database.open(url)
    with database.write() as tx:
        fill(tx)
    yield database
    database.close()


def answers(database: Database, written: list[Address]) -> dict[Address, str]:
    """What Dovecot would learn about each address: a mailbox, WAITS or UNKNOWN."""
    query = sample_query(USERDB, "user_query")
    with database.lookups.connect() as connection:
        rows = {address: connection.exec_driver_sql(_asked(query, address)).all() for address in written}
    found = {}
    for address, answer in rows.items():
        assert len(answer) <= 1
        found[address] = WAITS if answer and answer[0].tempfail else str(answer[0].user) if answer else UNKNOWN
    return found


def _asked(query: str, address: Address) -> str:
    base, plus, _ = address.local.partition("+")
    statement = filled(query, f"{base if plus else address.local}@{address.domain}")
    return statement.replace("%", "%%")  # for the driver


def expected(verdict: RecipientVerdict) -> str:
    if isinstance(verdict, Deliver):
        return str(verdict.mailbox)
    return WAITS if isinstance(verdict, Defer) else UNKNOWN


def parsed(written: str) -> Address:
    address = parse_path(written)
    assert address is not None
    return address


def refused_detail(address: Address) -> bool:
    """True for a detail that relays may route on: the milters refuse it. Dovecot has cut it off, and routes nothing."""
    detail = split_detail(address.local, Policy().recipient_delimiter)[1]
    return detail is not None and routes_on(detail)


@pytest.mark.parametrize("world", ["sqlite_world", "postgres_world"])
def test_the_query_answers_as_the_recipient_table(request: pytest.FixtureRequest, world: str) -> None:
    database: Database = request.getfixturevalue(world)
    asked = [parsed(written) for written in WRITTEN]
    asked += [Address(local, domain) for local, domain in product(LOCALS, DOMAINS)]
    directory = SqlDirectory(database)
    asked = [address for address in asked if address.is_ascii and not refused_detail(address)]
    wanted = {address: expected(resolve(directory, Policy(), address, time.time())) for address in asked}
    assert answers(database, list(wanted)) == wanted
    assert {WAITS, UNKNOWN, "john@brand-a.test", "old@off.test", "sue@suspended.test"} <= set(wanted.values())


def test_a_site_that_rejects_mail_to_suspended_accounts(sqlite_world: Database) -> None:
    query = sample_query(USERDB, "user_query").replace("NOT IN ('refuse')", "NOT IN ('refuse', 'suspended')")
    assert rows(sqlite_world, filled(query, "sue@suspended.test")) == []
    assert rows(sqlite_world, filled(query, "postmaster@empty.test")) == [(None, "yes", "nobody")]


@pytest.mark.parametrize("sample", [MAILBOXES, USERDB])
@pytest.mark.parametrize(
    ("login", "may"),
    [
        ("john@brand-a.test", True),
        ("JOHN@Brand-A.test", True),
        ("sales@brand-a.test", False),
        ("paused@brand-a.test", False),
        ("old@off.test", False),
        ("sue@suspended.test", False),
        ("john@pending.test", False),
        ("' OR 1=1 --@brand-a.test", False),
    ],
)
def test_logins(sqlite_world: Database, sample: str, login: str, may: bool) -> None:
    found = rows(sqlite_world, filled(sample_query(sample, "password_query"), login))
    assert [(user, password.startswith("$argon2id$")) for user, password in found] == [(login.lower(), True)] * may


@pytest.mark.parametrize("sample", [MAILBOXES, USERDB])
@pytest.mark.parametrize("address", ["john@brand-a.test", "paused@brand-a.test", "old@off.test", "sue@suspended.test"])
def test_every_mailbox_can_be_worked_on(sqlite_world: Database, sample: str, address: str) -> None:
    (found,) = rows(sqlite_world, filled(sample_query(sample, "user_query"), address, service="doveadm"))
    assert found[0] == address
    assert found[1:] in {(), (None, None)}
    assert (address,) in rows(sqlite_world, sample_query(sample, "iterate_query"))


def test_only_mailboxes_are_listed(sqlite_world: Database) -> None:
    assert len(rows(sqlite_world, sample_query(USERDB, "iterate_query"))) == 8
    assert rows(sqlite_world, filled(sample_query(MAILBOXES, "user_query"), "sales@brand-a.test")) == []


def rows(database: Database, statement: str) -> list[tuple[Any, ...]]:
    with database.lookups.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def test_no_table_of_names_is_read_from_end_to_end(database: Database) -> None:
    with database.write() as tx:
        many_names(tx)
        tx.connection().exec_driver_sql("ANALYZE")
    statement = filled(sample_query(USERDB, "user_query"), "name77@d1.example")
    explain = "EXPLAIN QUERY PLAN" if database.lookups.dialect.name == "sqlite" else "EXPLAIN"
    plan = [str(row[-1]) for row in rows(database, f"{explain} {statement}")]
    scans = [line for line in plan if re.search(r"SCAN (?!found|byname_userdb)|Seq Scan on (addresses|aliases)", line)]
    assert scans == [], "\n".join(plan)


def test_a_missing_view_is_told(spare_url: str) -> None:
    migrate.upgrade(spare_url)
    run_sql(spare_url, "DROP VIEW byname_userdb")
    assert migrate.schema_drift(spare_url) == ["the view byname_userdb is missing"]
