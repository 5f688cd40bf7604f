"""From whom an alias takes mail, as the services keep it: entries, blocking, one by one and in bulk, as a file."""

import io

import pytest
from sqlalchemy import select

from routing.sender_rules import SenderRules
from store.errors import ServiceError
from store.services import aliases, audit
from store.services.bulk import bulk_call
from store.services.bulk.bulk_call import Item
from store.services.export import export
from store.services.importing.chunks import Import, run
from store.services.sender_lists import MOST_OCTETS, check_verifier, checked, from_line, in_line, row_text
from store.services.views import EVERYONE, Senders
from store.sql.database import Database
from store.sql.tables import AliasRow
from store.transfer.csv_file import read_csv
from store.wire_format.sender_rules import read_rules

JOHN, SALES = "john@brand-a.com", "sales@brand-b.com"
LISTED = Senders("listed", ("ann@work.test", "shop.test", ".shop.test"))


@pytest.fixture
def sales(world: Database) -> int:
    with world.write() as tx:
        return aliases.add(tx, SALES, JOHN).id


def row(database: Database) -> str | None:
    with database.read() as tx:
        return tx.scalars(select(AliasRow.senders)).one()


def test_kept_as_the_directory_reads_it(world: Database, sales: int) -> None:
    with world.write() as tx:
        entries = ("Ann@Work.test", "shop.test.", ".Shop.test", "ann@work.test")
        changed = aliases.update(tx, sales, senders=Senders("listed", entries, require_authenticated=True))
    assert changed.senders == Senders("listed", LISTED.entries, require_authenticated=True)
    kept = row(world)
    assert kept is not None
    assert read_rules(kept) == SenderRules("listed", LISTED.entries, require_authenticated=True)
    with world.write() as tx:
        assert aliases.update(tx, sales, note="x").senders == changed.senders
        assert aliases.update(tx, sales, senders=Senders("except")).senders == EVERYONE
    assert row(world) is None
    with world.read() as tx:
        entry = audit.page(tx, object=SALES).items[0]
    assert entry.after is not None
    assert entry.after["senders"] == {"mode": "everyone", "entries": [], "require_authenticated": False}


@pytest.mark.parametrize(
    ("senders", "field", "told"),
    [
        (Senders("some"), "senders/mode", "the mode is one of everyone, listed, except"),
        (Senders("everyone", ("x.test",)), "senders/entries", "there are no entries"),
        (Senders("listed", ("x.test", "@")), "senders/entries/1", '"@" is no sender'),
        (Senders("listed", ("a b.test",)), "senders/entries/0", "is no sender"),
        (Senders("listed", ('"a b"@x.test',)), "senders/entries/0", "plain ASCII without quotes"),
        (Senders("listed", ("j\u00f6hn@x.test",)), "senders/entries/0", "plain ASCII without quotes"),
        (Senders("except", ("*.x.test",)), "senders/entries/0", "no address, no domain and no .domain"),
        (Senders("except", tuple(f"{n}.test" for n in range(501))), "senders/entries", "at most 500 entries"),
        (
            Senders("except", tuple(f"{n}.{'x' * 60}.test" for n in range(300))),
            "senders/entries",
            f"{MOST_OCTETS} octets",
        ),
    ],
)
def test_refused(senders: Senders, field: str, told: str) -> None:
    with pytest.raises(ServiceError, match=told) as refused:
        checked(senders)
    assert (refused.value.code, refused.value.field) == ("invalid-request", field)


def test_a_site_without_a_verifier() -> None:
    check_verifier(Senders("everyone", (), require_authenticated=True), {"mx.test"})
    check_verifier(EVERYONE, ())
    with pytest.raises(ServiceError, match="does not say which verifier it trusts"):
        check_verifier(Senders("everyone", (), require_authenticated=True), ())


@pytest.mark.parametrize(
    ("before", "sender", "after"),
    [
        ("everyone", "Bob@Spam.test", "except bob@spam.test"),
        ("everyone authenticated", "spam.test", "except authenticated spam.test"),
        ("except spam.test", ".spam.test", "except spam.test .spam.test"),
        ("except spam.test", "spam.test", "except spam.test"),
        ("listed ann@work.test bob@work.test", "bob@work.test", "listed ann@work.test"),
        ("listed ann@work.test", "ann@work.test", "listed"),
        ("listed shop.test", "shop.test", "listed"),
        ("listed ann@work.test", "else.test", "listed ann@work.test"),
    ],
)
def test_block(world: Database, sales: int, before: str, sender: str, after: str) -> None:
    with world.write() as tx:
        aliases.update(tx, sales, senders=from_line(before))
        assert in_line(aliases.block(tx, sales, sender, mailbox=JOHN).senders) == after
        assert in_line(aliases.block(tx, sales, sender).senders) == after


@pytest.mark.parametrize(
    ("before", "sender", "told"),
    [
        ("listed shop.test", "news@shop.test", "may write because a domain is listed that it is in"),
        ("listed .shop.test", "news@a.shop.test", "may write because"),
        ("everyone", "no one", '"no one" is no sender'),
    ],
)
def test_not_blocked(world: Database, sales: int, before: str, sender: str, told: str) -> None:
    with world.write() as tx:
        aliases.update(tx, sales, senders=from_line(before))
    with world.write() as tx, pytest.raises(ServiceError, match=told) as refused:
        aliases.block(tx, sales, sender)
    assert (refused.value.code, refused.value.field) == ("invalid-request", "sender")


def test_in_bulk(world: Database, sales: int) -> None:
    with world.write() as tx:
        owner = aliases.get(tx, sales)
        new = {"senders": Senders("listed", ("Shop.test",))}
        items = [
            Item("update", owner.mailbox_id, {"senders": LISTED}, alias_id=sales),
            Item("create", owner.mailbox_id, new, domain_id=owner.domain_id, local_part="shop"),
            Item("update", owner.mailbox_id, {"senders": Senders("except", ("",))}, alias_id=sales),
        ]
        done = bulk_call.apply(tx, items, atomic=False)
    assert [result.status for result in done] == ["updated", "created", "failed"]
    assert done[2].detail is not None
    assert "is no sender" in done[2].detail
    with world.read() as tx:
        assert aliases.get(tx, sales).senders == LISTED
        assert aliases.get(tx, "shop@brand-b.com").senders == Senders("listed", ("shop.test",))


def test_as_a_file(world: Database, sales: int) -> None:
    with world.write() as tx:
        aliases.update(tx, sales, senders=LISTED)
    text = "".join(export(world))
    assert f"{SALES},{JOHN},true,false,true,,,,,listed ann@work.test shop.test .shop.test\r\n" in text
    assert brought_in(world, text) == ["unchanged"]
    changed = text.replace("listed ann@work.test shop.test .shop.test", "except authenticated spam.test")
    assert brought_in(world, changed) == ["updated"]
    assert brought_in(world, changed.replace("except authenticated spam.test", "")) == ["unchanged"]
    with world.read() as tx:
        assert aliases.get(tx, sales).senders == Senders("except", ("spam.test",), require_authenticated=True)
    assert brought_in(world, text.replace("listed ann@work.test", "listed @")) == ["failed"]
    most = " ".join(f"{n:03}.{'x' * 26}.t" for n in range(500))
    assert brought_in(world, text.replace("listed ann@work.test shop.test .shop.test", f"listed {most}")) == ["updated"]
    assert brought_in(world, "".join(export(world))) == ["unchanged"]


def brought_in(world: Database, text: str) -> list[str]:
    lines = read_csv(io.BytesIO(text.encode()))
    return [result.status for chunk in run(Import(world), lines) for result in chunk.results]


def test_a_row_of_everyone_is_empty() -> None:
    assert row_text(EVERYONE) is None
    assert row_text(Senders("except")) is None
    assert row_text(Senders("listed")) == "l:"
