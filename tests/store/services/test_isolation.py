"""Account isolation: no query of a transaction that is bound to an account reaches another's rows, in any table."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, exists, func, inspect, literal, select, text, true, update
from sqlalchemy.orm import aliased

import store.services
from routing.filters.policy import FilterPolicy
from store.errors import ServiceError
from store.services import accounts, aliases, audit, delete_intents, domain_settings, domains, mailboxes, tokens
from store.services.filters import naming, rules, scripts
from store.sql.database import Database, Transaction
from store.sql.outbox import version_of
from store.sql.tables import AccountRow, AddressRow, AliasRow, Base, DomainRow, OutboxRow
from store.sql.tenant import WITHOUT_OWNER, Acting
from store.sql.tenant import rules as rules_of
from tests.store.services.owned import PREFIXES, RULE, Owned, tables, two_accounts

Table = type[Base]
OWNED = sorted((table for table in tables() if table not in WITHOUT_OWNER), key=lambda table: table.__name__)


def key(table: Any) -> Any:
    """Return the first column of a table's primary key."""
    return getattr(table, inspect(table).mapper.primary_key[0].name)


def keys(tx: Transaction, table: Table) -> set[int]:
    return set(tx.scalars(select(key(table))))


def aliased_in_a_join(tx: Transaction, table: Table) -> set[int]:
    other: Any = aliased(table)
    again: Any = aliased(table)
    return set(tx.scalars(select(key(other)).select_from(again).join(other, true())))


def aliased_in_an_outer_join(tx: Transaction, table: Table) -> set[int]:
    start: Any = aliased(AccountRow)
    other: Any = aliased(table)
    return set(tx.scalars(select(key(other)).select_from(start).outerjoin(other, true()))) - {None}


def in_a_subquery(tx: Transaction, table: Table) -> set[int]:
    inner = select(key(table).label("key")).subquery()
    return set(tx.scalars(select(inner.c.key)))


def in_a_common_table(tx: Transaction, table: Table) -> set[int]:
    inner = select(key(table).label("key")).cte()
    return set(tx.scalars(select(inner.c.key).select_from(AccountRow).join(inner, true())))


def by_entity(tx: Transaction, table: Table) -> set[int]:
    return {getattr(row, key(table).key) for row in tx.scalars(select(table))}


READS: list[Callable[[Transaction, Table], set[int]]] = [
    keys,
    by_entity,
    aliased_in_a_join,
    aliased_in_an_outer_join,
    in_a_subquery,
    in_a_common_table,
]


def test_every_table_has_a_rule_or_no_owner() -> None:
    ruled = {option.entity.class_ for option in rules_of(Acting(account_id=1))}  # type: ignore[attr-defined]
    assert ruled | WITHOUT_OWNER == set(tables())
    assert not ruled & WITHOUT_OWNER


def test_reads_of_every_shape(world: Database) -> None:
    owners = two_accounts(world)
    with world.read() as tx:
        everything = {table: keys(tx, table) for table in OWNED}
    for _ in range(2):  # the second time from SQLAlchemy's cache of compiled statements
        seen = []
        for owner in owners:
            with world.read(owner.acting) as tx:
                by_shape = [{table: read(tx, table) for table in OWNED} for read in READS]
            assert all(found == by_shape[0] for found in by_shape)
            seen.append(by_shape[0])
        for table in OWNED:
            assert seen[0][table], f"acme has nothing in {table.__name__}, so nothing is tested"
            assert seen[1][table], f"rival has nothing in {table.__name__}, so nothing is tested"
            assert not seen[0][table] & seen[1][table], table.__name__
            assert seen[0][table] | seen[1][table] == everything[table], table.__name__


def test_counts_and_conditions(world: Database) -> None:
    acme, rival = two_accounts(world)
    with world.read(acme.acting) as tx:
        for wanted, found in ((acme.alias, 1), (rival.alias, 0)):
            here = AliasRow.id == wanted
            assert tx.scalar(select(func.count()).where(here)) == found
            assert tx.scalar(select(select(AliasRow.id).where(here).exists())) == bool(found)
            assert tx.scalar(select(literal(1)).where(select(AliasRow.id).where(here).exists())) == (found or None)
            assert len(tx.scalars(select(AccountRow.id).where(exists().where(here))).all()) == found
            assert (tx.get(AliasRow, wanted) is not None) == bool(found)


def rows_of(tx: Transaction, statement: Any) -> int:
    """Run an UPDATE or DELETE and return how many rows it reached."""
    result: Any = tx.execute(statement, execution_options={"synchronize_session": False})
    return int(result.rowcount)


@pytest.mark.parametrize("table", OWNED, ids=lambda table: table.__name__)
def test_nothing_of_others_is_changed(world: Database, table: Table) -> None:
    acme, rival = two_accounts(world)
    with world.read(rival.acting) as tx:
        before = keys(tx, table)
    column = next(column.key for column in inspect(table).columns if not column.primary_key)
    value = {column: getattr(table, column)}
    try:
        with world.write(acme.acting) as tx:
            own = len(keys(tx, table))
            subset = update(table).where(key(table).in_(select(key(table)))).values(value)
            for statement in (update(table).values(value), subset):
                assert rows_of(tx, statement) == own
            rows_of(tx, delete(table))
            assert keys(tx, table) == set()
    except ServiceError as refusal:
        assert refusal.code == "conflict"  # a foreign key: something of acme's own points at it
    with world.read() as tx:
        assert before <= keys(tx, table)


def test_what_cannot_be_held_to_an_account_is_refused(world: Database) -> None:
    acme, _ = two_accounts(world)
    core: Any = AliasRow.__table__
    for statement in (select(core.c.id), text("SELECT id FROM aliases"), select(exists().where(AliasRow.id == 1))):
        with (
            pytest.raises(RuntimeError, match="cannot be held to an account"),
            world.read(acme.acting) as tx,
        ):
            tx.execute(statement)


def test_an_operator_sees_all(world: Database) -> None:
    two_accounts(world)
    with world.read() as tx:
        assert len(aliases.list_all(tx)) == 2
        assert tx.scalar(text("SELECT count(*) FROM aliases")) == 2


def code_of_services() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(Path(store.services.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            yield path.name, node


def test_services_do_not_reach_past_it() -> None:
    """No core tables, no text, no connection of their own; only old keys and files are removed for everybody."""
    past = {"__table__", "connection", "get_bind", "unbound", "text"}
    used = {
        (name, found)
        for name, node in code_of_services()
        for found in [node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""]
        if found in past
    }
    imported = {
        (name, alias.name)
        for name, node in code_of_services()
        if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy"
        for alias in node.names
        if alias.name in {"text", "Table", "table", "Engine", "Connection"}
    }
    # Each by name: keys and files whose time is over go for all accounts; a name that is another account's is taken.
    assert {(name, found) for name, found in used if found != "text"} == {
        ("idempotency.py", "unbound"),
        ("kept.py", "unbound"),
        ("accepting.py", "unbound"),
        ("admins.py", "unbound"),
    }
    assert imported == set()


def refusal_of(database: Database, acting: Acting, change: Callable[[Transaction], object]) -> tuple[str, str]:
    with pytest.raises(ServiceError) as error, database.write(acting) as tx:
        change(tx)
    return error.value.code, error.value.message


def foreign(rival: Owned) -> list[tuple[int, str, Callable[[Transaction, int], object]]]:
    """What acme may try with rival's ids: id, expected code, attempt."""
    account, domain, mailbox, alias = rival.account, rival.domain, rival.mailbox, rival.alias
    return [
        (account, "not-found", lambda tx, ref: accounts.get(tx, ref)),
        (account, "not-found", lambda tx, ref: domains.add(tx, "new.example", account=ref)),
        (account, "not-found", lambda tx, ref: domains.list_all(tx, account=ref)),
        (domain, "not-found", lambda tx, ref: domains.get(tx, ref)),
        (domain, "not-found", lambda tx, ref: domain_settings.update(tx, ref, is_active=False)),
        (domain, "not-found", lambda tx, ref: domain_settings.set_catch_all(tx, ref, enabled=False)),
        (domain, "not-found", lambda tx, ref: domains.verify(tx, ref)),
        (domain, "not-found", lambda tx, ref: domains.remove(tx, ref, confirmed=True)),
        (domain, "not-found", lambda tx, ref: mailboxes.page(tx, domain=ref)),
        (domain, "domain-not-yours", lambda tx, ref: mailboxes.create(tx, "sales", ref, "correct horse")),
        (domain, "domain-not-yours", lambda tx, ref: aliases.create(tx, "sales", ref, "john@brand-a.com")),
        (mailbox, "not-found", lambda tx, ref: mailboxes.get(tx, ref)),
        (mailbox, "not-found", lambda tx, ref: mailboxes.update(tx, ref, is_active=False)),
        (mailbox, "not-found", lambda tx, ref: mailboxes.remove(tx, ref)),
        (mailbox, "not-found", lambda tx, ref: aliases.create(tx, "new", "brand-a.com", ref)),
        (mailbox, "not-found", lambda tx, ref: aliases.usage(tx, ref)),
        (mailbox, "not-found", lambda tx, ref: aliases.page(tx, mailbox=ref)),
        (mailbox, "not-found", lambda tx, ref: delete_intents.create(tx, ref)),
        (
            mailbox,
            "destination-not-a-mailbox",
            lambda tx, ref: domain_settings.update(tx, "brand-a.com", system_mailbox=ref),
        ),
        (mailbox, "destination-not-a-mailbox", lambda tx, ref: domain_settings.set_catch_all(
            tx, "brand-a.com", enabled=True, destination=ref)),
        (mailbox, "not-found", lambda tx, ref: tokens.create(
            tx, name="x", kind="message", mailbox=ref, prefixes=PREFIXES)),
        (account, "not-found", lambda tx, ref: tokens.create(
            tx, name="x", kind="account", account=ref, prefixes=PREFIXES)),
        (alias, "not-found", lambda tx, ref: aliases.get(tx, ref)),
        (alias, "not-found", lambda tx, ref: aliases.update(tx, ref, is_active=False)),
        (alias, "not-found", lambda tx, ref: aliases.remove(tx, ref)),
        (rival.token, "not-found", lambda tx, ref: tokens.get(tx, ref)),
        (rival.token, "not-found", lambda tx, ref: tokens.remove(tx, ref)),
        (mailbox, "not-found", lambda tx, ref: rules.list_all(tx, ref)),
        (mailbox, "not-found", lambda tx, ref: rules.add(tx, ref, RULE, FilterPolicy())),
        (mailbox, "not-found", lambda tx, ref: rules.reorder(tx, ref, [])),
        (mailbox, "not-found", lambda tx, ref: scripts.write(tx, ref, FilterPolicy())),
        (mailbox, "not-found", lambda tx, ref: scripts.state(tx, ref, FilterPolicy())),
        (mailbox, "not-found", lambda tx, ref: scripts.take_over(tx, ref, FilterPolicy())),
        (alias, "not-found", lambda tx, ref: naming.naming_alias(tx, ref)),
        (rival.rule, "not-found", lambda tx, ref: rules.get(tx, "john@brand-a.com", ref)),
        (rival.rule, "not-found", lambda tx, ref: rules.update(tx, "john@brand-a.com", ref, FilterPolicy(), name="x")),
        (rival.rule, "not-found", lambda tx, ref: rules.remove(tx, "john@brand-a.com", ref)),
        (rival.intent, "not-found", lambda tx, ref: delete_intents.confirm(tx, ref, tx.scalars(
            select(DomainRow.created_at)).first())),
    ]  # fmt: skip


def test_what_another_has_is_not_there(world: Database) -> None:
    """By id, in the same words as for an id that nobody has: small, large, and larger than any column takes."""
    acme, rival = two_accounts(world)
    for ref, code, attempt in foreign(rival):
        refusal = refusal_of(world, acme.acting, lambda tx: attempt(tx, ref))  # noqa: B023
        assert refusal[0] == code, refusal
        for nobodys in (999, 2**31, 2**62):
            same = refusal_of(world, acme.acting, lambda tx: attempt(tx, nobodys))  # noqa: B023
            assert same == (code, refusal[1].replace(str(ref), str(nobodys)))
    with world.read(rival.acting) as tx:
        assert [alias.address for alias in aliases.list_all(tx)] == ["sales@rival.com"]


BY_NAME: list[tuple[str, Callable[[Transaction, str], object]]] = [
    ("not-found", lambda tx, at: mailboxes.get(tx, f"eve@{at}")),
    ("not-found", lambda tx, at: aliases.get(tx, f"sales@{at}")),
    ("not-found", lambda tx, at: domains.get(tx, at)),
    ("domain-not-yours", lambda tx, at: aliases.add(tx, f"sales@{at}", "john@brand-a.com")),
    ("domain-not-yours", lambda tx, at: aliases.add(tx, f"NOT A NAME@{at}", "john@brand-a.com")),
    ("domain-not-yours", lambda tx, at: mailboxes.add(tx, f"postmaster@{at}", "correct horse")),
]


@pytest.mark.parametrize(("code", "attempt"), BY_NAME)
def test_nor_by_name(world: Database, code: str, attempt: Callable[[Transaction, str], object]) -> None:
    acme, _ = two_accounts(world)
    theirs = refusal_of(world, acme.acting, lambda tx: attempt(tx, "rival.com"))
    nobodys = refusal_of(world, acme.acting, lambda tx: attempt(tx, "nobody.com"))
    assert theirs == (code, nobodys[1].replace("nobody.com", "rival.com"))
    assert nobodys[0] == code


def test_lists_hold_ones_own(world: Database) -> None:
    acme, rival = two_accounts(world)
    with world.read(acme.acting) as tx:
        assert [account.name for account in accounts.list_all(tx)] == ["acme"]
        assert [domain.name for domain in domains.page(tx).items] == ["brand-a.com", "brand-b.com"]
        assert [mailbox.address for mailbox in mailboxes.page(tx).items] == ["john@brand-a.com"]
        assert [alias.address for alias in aliases.page(tx).items] == ["sales@brand-a.com"]
        assert [token.name for token in tokens.page(tx).items] == ["of acme"]
        assert {entry.account_id for entry in audit.page(tx, per_page=100).items} == {acme.account}
        assert audit.page(tx, object=f"alias:{rival.alias}").total == 0
        assert audit.page(tx, object="sales@rival.com").total == 0
        usage = accounts.get(tx, acme.account).usage
        assert (usage.domains, usage.mailboxes, usage.aliases) == (2, 1, 1)


def test_accounts_are_the_operators(world: Database) -> None:
    acme, _ = two_accounts(world)
    attempts: list[Callable[[Transaction], object]] = [
        lambda tx: accounts.create(tx, "new", "pro"),
        lambda tx: accounts.update(tx, acme.account, plan="agency"),
        lambda tx: accounts.remove(tx, acme.account),
        lambda tx: tokens.create(tx, name="x", kind="operator", prefixes=PREFIXES),
    ]
    for attempt in attempts:
        assert refusal_of(world, acme.acting, attempt)[0] == "insufficient-scope"


def test_a_name_that_another_account_has_proved(world: Database) -> None:
    """The unique key decides, not a query that cannot see the other's row."""
    acme, _ = two_accounts(world)
    with world.write(acme.acting) as tx:
        assert domains.add(tx, "rival.com", account=acme.account).status == "pending_dns"
    assert refusal_of(world, acme.acting, lambda tx: domains.verify(tx, "rival.com"))[0] == "domain-taken"


def test_a_change_reaches_the_outbox(world: Database) -> None:
    """What the store does at the end of the transaction is not bound to the account."""
    acme, _ = two_accounts(world)
    with world.write(acme.acting) as tx:
        aliases.update(tx, acme.alias, is_active=False)
    with world.read() as reading:
        fields = reading.execute(
            select(OutboxRow.domain, OutboxRow.field).where(OutboxRow.version == version_of(tx))
        ).all()
        assert [tuple(row) for row in fields] == [("brand-a.com", "sales")]
        assert reading.scalar(select(func.count()).select_from(AddressRow)) == 6  # with what acme and rival keep
