"""Bulk changes: all or none, or each for itself; by the rules of single changes; with many writers at once."""

import re
import threading
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, insert, update

from store.errors import ServiceError
from store.services import accounts, aliases, audit, domain_settings, domains, mailboxes
from store.services.bulk import bulk_call
from store.services.bulk.bulk_call import Item, ItemResult
from store.services.unset import UNSET
from store.sql.database import Database, Transaction
from store.sql.tables import ALIAS, MAILBOX, AccountRow, AddressRow, AliasRow, MailboxRow
from store.sql.tenant import OPERATOR, Acting
from tests.store.filling import fill_up
from tests.store.refusals import counts, refused
from tests.watching import watched

JOHN, EVE, MARY = 1, 2, 90_000
FIRST = 80_000  # stands for the id of first@brand-a.com
BRAND_A, BRAND_B, RIVAL = 1, 2, 3
ACME = Acting(account_id=1, actor="a test")


@pytest.fixture
def site(world: Database) -> Database:
    """The world with mary@brand-a.com of acme, whose plan has room for 100 aliases."""
    with world.write() as tx:
        accounts.update(tx, "acme", plan="agency")
        tx.execute(insert(AddressRow).values(id=MARY, domain_id=BRAND_A, local_part="mary", kind=MAILBOX))
        tx.execute(insert(MailboxRow).values(id=MARY, password_hash="x"))
    return world


def new(local_part: str, mailbox: int = JOHN, domain: int = BRAND_A, **given: bool | str | None) -> Item:
    return Item("create", mailbox, given, domain_id=domain, local_part=local_part)


def change(alias: int, mailbox: int = JOHN, **given: bool | str | None) -> Item:
    return Item("update", mailbox, given, alias_id=alias)


def deletion(alias: int, mailbox: int = JOHN) -> Item:
    return Item("delete", mailbox, {}, alias_id=alias)


def run(database: Database, *items: Item, atomic: bool = True, dry_run: bool = False) -> list[ItemResult]:
    with database.write(ACME) as tx:
        return bulk_call.apply(tx, items, atomic=atomic, dry_run=dry_run)


def codes(results: list[ItemResult]) -> list[str]:
    return [result.code or result.status for result in results]


def state(database: Database) -> list[tuple[str, str, bool, bool, bool, str | None]]:
    with database.read() as tx:
        found = aliases.list_all(tx)
    return [(a.address, a.mailbox, a.can_receive, a.can_send, a.is_active, a.note) for a in found]


def test_all_three_in_one_call(site: Database) -> None:
    first, second = run(site, new("one"), new("two", domain=BRAND_B, can_send=True, is_active=False, note="hi"))
    assert first.alias is not None
    assert second.alias is not None
    done = run(site, change(first.alias.id, can_receive=False), deletion(second.alias.id), new("three"))
    assert codes(done) == ["updated", "deleted", "created"]
    assert state(site) == [
        ("one@brand-a.com", "john@brand-a.com", False, False, True, None),
        ("three@brand-a.com", "john@brand-a.com", True, False, True, None),
    ]
    assert second.alias.note == "hi"
    assert (second.alias.can_send, second.alias.is_active) == (True, False)
    with site.read() as tx:
        assert [done[0].alias, done[2].alias] == aliases.list_all(tx)
        assert first.alias.updated_at < aliases.get(tx, first.alias.id).updated_at


def test_a_name_goes_from_one_mailbox_to_another(site: Database) -> None:
    (made,) = run(site, new("info"))
    assert made.alias is not None
    assert codes(run(site, deletion(made.alias.id), new("info", mailbox=MARY))) == ["deleted", "created"]
    assert state(site) == [("info@brand-a.com", "mary@brand-a.com", True, False, True, None)]


def test_the_order_given_counts(site: Database) -> None:
    (made,) = run(site, new("info"))
    assert made.alias is not None
    items = (new("info", mailbox=MARY), deletion(made.alias.id))
    with refused(site, "address-taken"):
        run(site, *items)
    assert codes(run(site, *items, atomic=False)) == ["address-taken", "deleted"]


def test_deleting_makes_room(site: Database) -> None:
    with site.write() as tx:
        fill_up(tx, 100)
        some = aliases.list_all(tx)[0].id
    with refused(site, "alias-limit-reached"):
        run(site, new("more"), deletion(some))
    assert codes(run(site, deletion(some), new("more"), new("most"), atomic=False)) == [
        "deleted",
        "created",
        "alias-limit-reached",
    ]


def test_one_alias_changed_several_times(site: Database) -> None:
    (made,) = run(site, new("one"))
    assert made.alias is not None
    id_ = made.alias.id
    assert (
        codes(run(site, change(id_, note="a"), change(id_, can_send=True), change(id_, note=None))) == ["updated"] * 3
    )
    assert state(site) == [("one@brand-a.com", "john@brand-a.com", True, True, True, None)]
    assert codes(run(site, change(id_, note="b"), deletion(id_), deletion(id_), change(id_), atomic=False)) == [
        "updated",
        "deleted",
        "not-found",
        "not-found",
    ]
    assert state(site) == []


@pytest.mark.parametrize(
    ("item", "code", "field"),
    [
        (new("Sales"), "invalid-local-part", "local_part"),
        (new("nul\0"), "invalid-local-part", "local_part"),
        (new("\ud800"), "invalid-local-part", "local_part"),
        (new("postmaster"), "address-reserved", "local_part"),
        (new("john"), "address-taken", "local_part"),
        (new("first"), "address-taken", "local_part"),
        (new("x", domain=RIVAL), "domain-not-yours", "domain_id"),
        (new("Sales", domain=RIVAL), "domain-not-yours", "domain_id"),
        (new("x", domain=2**62), "domain-not-yours", "domain_id"),
        (new("x", mailbox=EVE, domain=RIVAL), "not-found", None),
        (new("x", mailbox=2**62), "not-found", None),
        (new("x", note="\x07"), "invalid-request", "note"),
        (change(2**62), "not-found", None),
        (change(JOHN), "not-found", None),
        (deletion(EVE), "not-found", None),
        (Item("update", JOHN, {}, alias_id=FIRST, renames=True), "alias-not-renamable", "local_part"),
        (change(FIRST, mailbox=MARY), "not-found", None),
        (deletion(FIRST, mailbox=MARY), "not-found", None),
        (change(FIRST, note="x" * 501), "invalid-request", "note"),
    ],
)
def test_the_first_refusal_undoes_all(site: Database, item: Item, code: str, field: str | None) -> None:
    (first,) = run(site, new("first"))
    assert first.alias is not None
    if item.alias_id == FIRST:
        item = replace(item, alias_id=first.alias.id)
    items = [new("good"), item, new("Bad")]
    before = state(site)
    for dry_run in (False, True):
        with refused(site, code) as caught:
            run(site, *items, dry_run=dry_run)
        assert caught.value.field == ("items/1" if field is None else f"items/1/{field}")
        assert caught.value.details["index"] == 1
        assert caught.value.details["results"] == [
            {"index": 0, "status": "not-done"},
            {"index": 1, "status": "failed", "code": code, "detail": caught.value.message.removeprefix("item 1: ")},
            {"index": 2, "status": "not-done"},
        ]
    assert state(site) == before
    assert codes(run(site, *items, atomic=False)) == ["created", code, "invalid-local-part"]


def test_a_dry_run_checks_all_and_keeps_nothing(site: Database) -> None:
    (made,) = run(site, new("one"))
    assert made.alias is not None
    before = counts(site)
    items = (deletion(made.alias.id), new("one", mailbox=MARY), new("one"), new("two"), new("two"))
    wanted = ["deleted", "created", "address-taken", "created", "address-taken"]
    dry = run(site, *items, dry_run=True, atomic=False)
    assert codes(dry) == wanted
    assert [result.alias for result in dry] == [None] * 5
    assert counts(site) == before
    assert codes(run(site, *items, atomic=False)) == wanted


def test_too_many_items(site: Database) -> None:
    with refused(site, "invalid-request"):
        run(site, *[new(f"n{number}") for number in range(1001)])


def test_nothing_to_do(site: Database) -> None:
    assert run(site) == []


def test_what_the_audit_log_holds(site: Database) -> None:
    (made,) = run(site, new("one"))
    assert made.alias is not None
    run(site, change(made.alias.id, note="n"), deletion(made.alias.id), new("one", mailbox=MARY))
    with site.read(ACME) as tx:
        entries = audit.page(tx, object="one@brand-a.com").items[::-1]
    assert [entry.action for entry in entries] == ["alias.create", "alias.update", "alias.delete", "alias.create"]
    assert {(entry.actor, entry.account_id, entry.object_type) for entry in entries} == {("a test", 1, "alias")}
    assert [(entry.before or {}).get("note") for entry in entries] == [None, None, "n", None]
    assert [entry.after and entry.after["id"] for entry in entries][:3] == [made.alias.id, made.alias.id, None]


# A description of an item, made an item over the aliases that are there then.
ITEMS = st.lists(
    st.tuples(
        st.sampled_from(["create", "create", "update", "delete"]),
        st.sampled_from([JOHN, MARY, EVE, 7_000_077]),
        st.sampled_from([BRAND_A, BRAND_B, RIVAL, 4, 7_000_077]),
        st.sampled_from(["a", "b", "c", "john", "Sales", "abuse", "x..y", ""]),
        st.integers(0, 5),
        st.fixed_dictionaries(
            {},
            optional={
                "can_send": st.booleans(),
                "can_receive": st.booleans(),
                "note": st.sampled_from(["n", None, "\n"]),
            },
        ),
    ),
    min_size=1,
    max_size=8,
)


Described = tuple[bulk_call.Op, int, int, str, int, dict[str, bool | str | None]]


def _item(there: list[int], described: Described) -> Item:
    op, mailbox, domain, local_part, number, given_ = described
    if op == "create":
        return new(local_part, mailbox, domain, **given_)
    return Item(op, mailbox, given_, alias_id=[*there, 7_000_077, EVE][number])


def _old_ones(database: Database, plan: str) -> list[int]:
    """Begin anew: an account on trial with old0 to old3 of john, and a domain that is switched off."""
    with database.write() as tx:
        tx.execute(delete(AddressRow).where(AddressRow.kind == ALIAS))
        tx.execute(update(AccountRow).where(AccountRow.name == "acme").values(plan=plan, is_trial=True))
        if "off.test" not in {domain.name for domain in domains.list_all(tx)}:
            domains.add(tx, "off.test", account="acme", verified=True)
            domain_settings.update(tx, "off.test", is_active=False)
        rows = [{"domain_id": BRAND_A, "local_part": f"old{number}", "kind": ALIAS} for number in range(4)]
        ids = list(tx.scalars(insert(AddressRow).returning(AddressRow.id, sort_by_parameter_order=True), rows))
        tx.execute(insert(AliasRow), [{"id": id_, "mailbox_id": JOHN} for id_ in ids])
        return ids


def _alone(tx: Transaction, item: Item) -> str:
    given: dict[str, Any] = dict(item.given)
    try:
        with tx.begin_nested():
            if item.op == "create":
                aliases.create(tx, item.local_part, item.domain_id, item.mailbox_id, **given)
                return "created"
            if item.op == "delete":
                aliases.remove(tx, item.alias_id, mailbox=item.mailbox_id)
                return "deleted"
            aliases.update(tx, item.alias_id, mailbox=item.mailbox_id, **{"note": UNSET, **given})
            return "updated"
    except ServiceError as refusal:
        return f"{refusal.code}: {refusal.message}"


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ITEMS, st.sampled_from([ACME, OPERATOR]), st.sampled_from(["nano", "starter"]))
def test_as_one_by_one(site: Database, described: list[Described], acting: Acting, plan: str) -> None:
    """Bulk says and does what the single services say and do, item by item."""
    outcomes, states = list[list[str]](), list[object]()
    for together in (False, True):
        there = _old_ones(site, plan)
        items = [_item(there, one) for one in described]
        names = {id_: f"old{number}" for number, id_ in enumerate(there)}
        with site.write(acting) as tx:
            if together:
                results = bulk_call.apply(tx, items, atomic=False)
                done = [f"{one.code}: {one.detail}" if one.code else one.status for one in results]
            else:
                done = [_alone(tx, item) for item in items]
        for id_, name in names.items():
            done = [re.sub(rf"alias {id_}\b", name, text) for text in done]
        outcomes.append(done)
        states.append(state(site))
    assert outcomes[0] == outcomes[1]
    assert states[0] == states[1]


def test_writers_side_by_side(site: Database) -> None:
    """Who comes second finds the names taken; nobody waits in a circle and no limit is passed."""
    outcomes: Counter[str] = Counter()
    gate = threading.Barrier(6)

    def write(number: int) -> None:
        names = [f"n{index}" for index in range(40)]
        items = [new(name, mailbox=(JOHN, MARY)[number % 2]) for name in (names if number % 3 else names[::-1])]
        gate.wait()
        try:
            outcomes.update(codes(run(site, *items, atomic=False)))
        except Exception as error:  # noqa: BLE001 - told by the assertion
            outcomes[repr(error)] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {"created": 40, "address-taken": 200}


def test_a_thousand_items(site: Database) -> None:
    """With a number of statements that does not grow with the items."""
    with site.write() as tx:
        boxes = [{"id": MARY + 1 + n, "domain_id": BRAND_A, "local_part": f"m{n}", "kind": MAILBOX} for n in range(20)]
        tx.execute(insert(AddressRow), boxes)
        tx.execute(insert(MailboxRow), [{"id": box["id"], "password_hash": "x"} for box in boxes])
    items = [new(f"n{number}", mailbox=MARY + 1 + number % 20) for number in range(1000)]
    with site.write(ACME) as tx, watched() as statements:
        assert Counter(codes(bulk_call.apply(tx, items))) == {"created": 1000}
    assert len(statements) < 60


def test_a_name_that_somebody_takes_meanwhile(site: Database, url: str) -> None:
    """Between finding and writing; only PostgreSQL lets another in there."""
    if "sqlite" in url:
        return
    taken = threading.Event()

    def take(*args: object) -> None:
        if "INSERT INTO addresses" in str(args[2]) and not taken.is_set():
            taken.set()
            with site.write() as other:
                mailboxes.add(other, "n1@brand-a.com", "correct horse")

    with site.write(ACME) as tx:
        event.listen(tx.connection(), "before_cursor_execute", take)
        results = bulk_call.apply(tx, [new("n0"), new("n1"), new("n2")], atomic=False)
    assert codes(results) == ["created", "address-taken", "created"]
