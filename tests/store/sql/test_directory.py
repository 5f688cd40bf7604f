"""The SQL directory: the contract of all directories, and its own promises: one statement, read-only, over indexes."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import CompoundSelect, Select, insert, literal_column, update
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

from routing.address import Address
from routing.directory import Directory, LookupFailed
from store.migrations import migrate
from store.services import accounts, domains
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.directory_query import OF_MANY, OF_ONE, STATEMENT
from store.sql.people import STATEMENT as PEOPLE
from store.sql.tables import ALIAS, MAILBOX, AddressRow, AliasRow, MailboxRow
from store.sql.tenant import Transaction
from store.wire_format.people import name_key, stored
from tests.store.directory_contract import CONTRACT, JOHN, SALES, Fill, base
from tests.watching import watched


def filler(database: Database) -> Fill:
    def fill(change: Callable[[Transaction], object]) -> None:
        with database.write() as tx:
            change(tx)

    return fill


@pytest.mark.parametrize("case", CONTRACT, ids=lambda case: case.__name__)
def test_contract(case: Callable[[Directory, Fill], None], database: Database) -> None:
    case(SqlDirectory(database), filler(database))


def test_a_lookup_is_one_statement(database: Database) -> None:
    filler(database)(base)
    directory = SqlDirectory(database)
    directory.lookup([JOHN])  # the pool's first connection asks the server for its version
    for asked in ([JOHN], [JOHN, SALES, Address("x", "elsewhere.org")]):
        with watched() as statements:
            directory.lookup(asked)
            directory.lookup([])
        assert [one.startswith("SELECT") for one in statements] == [True]


def test_lookups_cannot_write(database: Database) -> None:
    with database.lookups.connect() as connection, pytest.raises(DBAPIError, match=r"readonly|read-only"):
        connection.exec_driver_sql("DELETE FROM accounts")


def test_a_database_without_a_table_is_no_evidence(spare_url: str) -> None:
    migrate.upgrade(spare_url)
    database = Database.open(spare_url)
    with database.write() as tx:
        tx.connection().exec_driver_sql("ALTER TABLE system_mailboxes RENAME TO elsewhere")
    with pytest.raises(LookupFailed):
        SqlDirectory(database).lookup([JOHN])
    database.close()


def test_no_free_connection_is_no_evidence(database: Database) -> None:
    held = [database.lookups.connect() for _ in range(10)]
    with pytest.raises(LookupFailed, match="no connection"):
        SqlDirectory(database).lookup([JOHN])
    for connection in held:
        connection.close()
    assert SqlDirectory(database).lookup([JOHN]) == {}


def test_no_table_of_names_is_read_from_end_to_end(database: Database, url: str) -> None:
    with database.write() as tx:
        many_names(tx)
    if url.startswith("sqlite"):  # which never analyzes by itself
        _check_plans(database)
    with database.write() as tx:
        tx.connection().exec_driver_sql("ANALYZE")
    _check_plans(database)


def _check_plans(database: Database) -> None:
    many = STATEMENT.params(domains=["d1.example", "d2.example"], locals=["name77", "name77+x", "postmaster"])
    for asked in (many, OF_ONE.params(domain="d1.example", local="name77")):
        plan = _plan_of(database, asked)
        # SQLite scans nothing at all. PostgreSQL rightly reads tables of a page or two whole, but never the names.
        scans = [line for line in plan if line.startswith("SCAN") or re.search("Seq Scan on (addresses|aliases)", line)]
        assert scans == [], "\n".join(plan)
        for index in (r"addresses_domain_id_local_part|domain_id=. AND local_part=.", "ix_addresses_domain_id_kind_id"):
            assert any(re.search(index, line) for line in plan), "\n".join(plan)
    if database.lookups.dialect.name == "postgresql":
        names = json.dumps([f"name{number}" for number in range(60)])
        plan = _plan_of(database, OF_MANY.params(domains=["d1.example", "d2.example"], locals=names))
        assert [line for line in plan if re.search("Seq Scan on (addresses|aliases)", line)] == [], "\n".join(plan)
    by_person = _plan_of(database, PEOPLE.params(people=[stored(17, "x"), stored(18, "y")]))
    scans = [line for line in by_person if line.startswith("SCAN") or "Seq Scan on mailboxes" in line]
    assert scans == [], "\n".join(by_person)
    assert any("ix_mailboxes_person" in line for line in by_person), "\n".join(by_person)


@pytest.mark.parametrize("statement", [STATEMENT, OF_ONE])
def test_psycopg_remembers_how_it_reads(statement: CompoundSelect[Any]) -> None:
    """One of more than 4,096 characters it would read anew whenever it is sent."""
    assert len(str(statement.compile(dialect=PGDialect_psycopg()))) <= 4096  # type: ignore[no-untyped-call]


def many_names(tx: Transaction) -> None:
    """Fill 50 domains of 50 accounts with 200 names each, every tenth a mailbox, whose people have ids from 10 on."""
    for number in range(50):
        account = accounts.create(tx, f"account {number}", "agency")
        domain = domains.add(tx, f"d{number}.example", account=account.name, verified=True)
        start = number * 200
        ids = range(start + 1, start + 201)
        kinds = {i: MAILBOX if i % 10 == 1 else ALIAS for i in ids}
        names = [{"id": i, "domain_id": domain.id, "local_part": f"name{i - start}", "kind": kinds[i]} for i in ids]
        tx.execute(insert(AddressRow), names)
        tx.execute(insert(MailboxRow), [{"id": i, "password_hash": "x"} for i in ids if kinds[i] == MAILBOX])
        owners = {i: i - (i - 1) % 10 for i in ids}
        tx.execute(insert(AliasRow), [{"id": i, "mailbox_id": owners[i]} for i in ids if kinds[i] == ALIAS])
    person = literal_column("'000000' || (10 + id % 50)").concat(name_key("A Doe"))
    tx.execute(update(MailboxRow).values(person=person))


def _plan_of(database: Database, statement: Select[Any] | CompoundSelect[Any]) -> list[str]:
    with database.lookups.connect() as connection:
        compiled = str(statement.compile(connection, compile_kwargs={"literal_binds": True}))
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        return [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {compiled}")]
