"""The database of a running PostfixAdmin, on PostgreSQL: its rows are read, and nothing can be changed there."""

import psycopg
import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import InternalError

from store.services.importing.sources import from_postfixadmin, is_url
from store.sql import foreign
from store.transfer.lines import AliasLine, DomainLine, Malformed

TABLES = """
CREATE TABLE alias (address text PRIMARY KEY, goto text NOT NULL, active boolean NOT NULL DEFAULT true);
INSERT INTO alias VALUES ('b@brand-a.com', 'john@brand-a.com', false), ('a@brand-a.com', 'john@brand-a.com', true);
CREATE TABLE alias_domain (alias_domain text PRIMARY KEY, target_domain text, active boolean);
INSERT INTO alias_domain VALUES ('brand-c.com', 'brand-a.com', true);
CREATE TABLE domain (domain text PRIMARY KEY);
INSERT INTO domain VALUES ('ALL'), ('brand-a.com');
CREATE TABLE mailbox (username text PRIMARY KEY, password text);
"""


def test_a_running_postfixadmin(spare_postgres_url: str) -> None:
    with psycopg.connect(spare_postgres_url, autocommit=True) as there:
        there.execute(TABLES.encode())
    found = list(from_postfixadmin(spare_postgres_url))
    assert found == [
        AliasLine(1, "a@brand-a.com", "john@brand-a.com", {"is_active": True}),
        AliasLine(2, "b@brand-a.com", "john@brand-a.com", {"is_active": False}),
        found[2],
        DomainLine(4, "brand-a.com"),
    ]
    assert isinstance(found[2], Malformed)
    assert (found[2].code, found[2].address) == ("alias-domain", "@brand-c.com")


def test_nothing_can_be_changed_there(spare_postgres_url: str) -> None:
    engine = create_engine(spare_postgres_url.replace("postgresql:", "postgresql+psycopg:"))
    event.listen(engine, "connect", foreign.read_only("postgresql"))
    with pytest.raises(InternalError, match="read-only transaction"), engine.connect() as connection:
        connection.execute(text("CREATE TABLE x (y int)"))
    engine.dispose()


def test_what_is_a_url() -> None:
    urls = ("postgresql://u@h/d", "postgres://h/d", "mysql+pymysql://h/d", "mariadb://h/d", "sqlite:////a.db")
    files = ("/var/dump.sql", "mysql.sql", "https://h/x", "-", "")
    assert [name for name in (*urls, *files) if is_url(name)] == list(urls)
