"""Imports: each line for itself, again and again, and to the end whatever happens in between."""

import io
from collections import Counter

import pytest
from sqlalchemy import insert, select

from store.clock import utc_now
from store.services import accounts, aliases, domain_settings, domains
from store.services.export import export
from store.services.importing.chunks import CHUNK, Import
from store.sql.database import Database
from store.sql.tables import ALIAS, AuditRow, DomainRow
from store.sql.tenant import OPERATOR, Acting
from store.transfer.csv_file import COLUMNS, read_csv
from store.transfer.virtual_file import read_virtual
from tests.store.refusals import counts
from tests.store.services.importing import JOHN, add_boxes, bring, csv, many, outcomes, state
from tests.watching import watched


def test_created_updated_unchanged(world: Database) -> None:
    rows = (
        f"a@brand-a.com,{JOHN},true,false,true,",
        f"b@brand-b.com,{JOHN},,true,false,hi",
        f"c@brand-b.com,{JOHN},,,,",
    )
    assert outcomes(bring(Import(world), csv(*rows))) == ["created"] * 3
    wanted = {
        "a@brand-a.com": (JOHN, True, False, True, None),
        "b@brand-b.com": (JOHN, True, True, False, "hi"),
        "c@brand-b.com": (JOHN, True, False, True, None),
    }
    assert state(world) == wanted
    before = counts(world)
    assert outcomes(bring(Import(world), csv(*rows))) == ["unchanged"] * 3
    assert counts(world) == before
    changed = (f"b@brand-b.com,{JOHN},false,,,", f"a@brand-a.com,{JOHN},,,,", f"c@brand-b.com,{JOHN},,,,new")
    assert outcomes(bring(Import(world), csv(*changed))) == ["updated", "unchanged", "updated"]
    assert state(world) == wanted | {
        "b@brand-b.com": (JOHN, False, True, False, None),
        "c@brand-b.com": (JOHN, True, False, True, "new"),
    }
    with world.read() as tx:
        actions = Counter(tx.scalars(select(AuditRow.action).where(AuditRow.object_type == ALIAS)))
    assert actions == {"alias.create": 3, "alias.update": 2}


def test_columns_that_are_not_there_leave_things_as_they_are(world: Database) -> None:
    bring(Import(world), csv(f"a@brand-a.com,{JOHN},false,true,false,hi"))
    lines = read_csv(io.BytesIO(f"address,mailbox,can_send\na@brand-a.com,{JOHN},false\n".encode()))
    assert outcomes(bring(Import(world), lines)) == ["updated"]
    assert state(world) == {"a@brand-a.com": (JOHN, False, False, False, "hi")}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("a@brand-a.com,nobody@brand-a.com,,,,", "not-found"),
        ("a@brand-a.com,eve@rival.com,,,,", "domain-not-yours"),
        (f"a@rival.com,{JOHN},,,,", "domain-not-yours"),
        (f"a@nowhere.test,{JOHN},,,,", "domain-not-yours"),
        ("a@brand-a.com,john,,,,", "invalid-request"),
        (f"a,{JOHN},,,,", "invalid-request"),
        (f"a@-,{JOHN},,,,", "invalid-domain"),
        (f"Sales@brand-a.com,{JOHN},,,,", "invalid-local-part"),
        (f" sales@brand-a.com,{JOHN},,,,", "invalid-local-part"),
        (f"OLD@brand-a.com,{JOHN},,,,", "invalid-local-part"),
        (f"postmaster@brand-a.com,{JOHN},,,,", "address-reserved"),
        (f"john@brand-a.com,{JOHN},,,,", "address-taken"),
        (f"old@brand-a.com,{JOHN},,,,", "address-taken"),
        (f"a@brand-a.com,{JOHN},,,,{'x' * 501}", "invalid-request"),
        (f"a@brand-a.com,{JOHN},,,,\x07", "invalid-request"),
        (f"mine@brand-a.com,{JOHN},,,,\x07", "invalid-request"),
        (f"a@off.test,{JOHN},,,,", "domain-not-active"),
        (f"a@brand-a.com,{JOHN},maybe,,,", "invalid-value"),
        (f"a@brand-a.com,{JOHN}", "wrong-number-of-columns"),
    ],
)
def test_a_line_that_is_refused_holds_up_nothing(world: Database, row: str, code: str) -> None:
    add_boxes(world, 1)
    with world.write() as tx:
        aliases.add(tx, "old@brand-a.com", "m0@brand-a.com")
        aliases.add(tx, "mine@brand-a.com", JOHN)
        domains.add(tx, "off.test", account="acme", verified=True)
        domain_settings.update(tx, "off.test", is_active=False)
    before = state(world)
    results = bring(Import(world), csv(f"one@brand-a.com,{JOHN},,,,", row, f"two@brand-a.com,{JOHN},,,,"))
    assert outcomes(results) == ["created", code, "created"]
    assert [result.line for result in results] == [2, 3, 4]
    assert results[1].message
    assert state(world).keys() - before.keys() == {"one@brand-a.com", "two@brand-a.com"}
    assert before.items() <= state(world).items()


def test_within_an_account(world: Database) -> None:
    """What another account has is not there, whatever is asked of it."""
    rows = ("a@rival.com,eve@rival.com,,,,", f"a@rival.com,{JOHN},,,,", f"a@brand-a.com,{JOHN},,,,")
    acting = Acting(account_id=1)
    results = bring(Import(world, acting), csv(*rows))
    assert outcomes(results) == ["not-found", "domain-not-yours", "created"]
    assert results[0].message == "there is no mailbox eve@rival.com"
    assert outcomes(bring(Import(world, OPERATOR), csv(rows[0]))) == ["created"]
    assert outcomes(bring(Import(world, acting), csv(*rows))) == ["not-found", "domain-not-yours", "unchanged"]


def test_one_address_several_times(world: Database) -> None:
    """The last line holds, as if each had come alone; with a line between the chunks too, and in a dry run."""
    add_boxes(world, 6)
    same = f"a@brand-a.com,{JOHN},"
    rows = [f"{same},,,", f"{same},,,", f"{same}false,,,n", "a@brand-a.com,m5@brand-a.com,,,,", *many(CHUNK)]
    rows += [f"{same},,,n", f"{same}true,,,n", "a@brand-a.com,m5@brand-a.com,,,,", *many(1)]
    wanted = ["created", "unchanged", "updated", "address-taken", *["created"] * CHUNK]
    wanted += ["unchanged", "updated", "address-taken", "unchanged"]
    before = counts(world)
    assert outcomes(bring(Import(world, dry_run=True), csv(*rows))) == wanted
    assert counts(world) == before
    assert outcomes(bring(Import(world), csv(*rows))) == wanted
    assert state(world)["a@brand-a.com"] == (JOHN, True, False, True, "n")


def test_a_dry_run_counts_to_the_limit(world: Database) -> None:
    rows = [f"n{n}@brand-b.com,{JOHN},,,," for n in range(40)]
    filler = [f"x,{JOHN},,,,"] * CHUNK
    wanted = Counter({"created": 30, "alias-limit-reached": 10, "invalid-request": CHUNK})
    for dry_run in (True, False):
        how = Import(world, dry_run=dry_run)
        assert Counter(outcomes(bring(how, csv(*rows[:20], *filler, *rows[20:])))) == wanted


def test_names_over_many_domains(world: Database) -> None:
    """A chunk that names hundreds of domains asks a few questions, not one for each."""
    with world.write() as tx:
        accounts.update(tx, "acme", plan="agency")
        names = [{"account_id": 1, "name": f"d{n}.test", "verified_at": utc_now()} for n in range(450)]
        tx.execute(insert(DomainRow), names)
    add_boxes(world, 20)
    rows = [f"n{n % 7}-{n % 450}@d{n % 450}.test,m{n // 100}@brand-a.com,,,," for n in range(1300)]
    wanted = Counter({"created": 1300})
    assert Counter(outcomes(bring(Import(world, dry_run=True), csv(*rows)))) == wanted
    with watched() as statements:
        assert Counter(outcomes(bring(Import(world, Acting(account_id=1)), csv(*rows)))) == wanted
    assert len(statements) < 3 * 60
    assert Counter(outcomes(bring(Import(world), csv(*rows)))) == {"unchanged": 1300}


def test_postfix_virtual(world: Database) -> None:
    text = b"""# as a small site has it
brand-b.com        anything
nowhere.test       anything
sales@brand-b.com  john@brand-a.com
info@brand-b.com
                   john@brand-a.com
both@brand-b.com   john@brand-a.com, eve@rival.com
out@brand-b.com    someone@example.org
Sales@brand-b.com  john@brand-a.com
@brand-b.com       john@brand-a.com
@brand-a.com       eve@rival.com
@rival.com         eve@rival.com
@nowhere.test      john@brand-a.com
root               john@brand-a.com
"""
    wanted = {
        2: "unchanged", 3: "domain-not-yours", 4: "created", 5: "created", 7: "several-targets", 8: "not-found",
        9: "invalid-local-part", 10: "updated", 11: "destination-not-a-mailbox", 12: "updated", 13: "not-found",
        14: "not-an-address",
    }  # fmt: skip
    before = counts(world)
    for dry_run in (True, False):
        results = bring(Import(world, dry_run=dry_run), read_virtual(io.BytesIO(text)))
        assert {result.line: result.code or result.status for result in results} == wanted
        if dry_run:
            assert counts(world) == before
    with world.read() as tx:
        caught = {domain.name: domain.catch_all.destination for domain in domains.list_all(tx)}
    assert caught == {"brand-a.com": None, "brand-b.com": JOHN, "rival.com": "eve@rival.com"}
    again = bring(Import(world), read_virtual(io.BytesIO(text)))
    assert {result.status for result in again} == {"unchanged", "failed"}


def test_what_is_exported_is_unchanged(world: Database) -> None:
    add_boxes(world, 12)
    bring(Import(world), csv(*many(1100), f'a@brand-a.com,{JOHN},false,true,false,"\'=1, ""x"""'))
    bring(Import(world), csv("-a@rival.com,eve@rival.com,,,,@für"))
    text = "".join(export(world))
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert "-a@rival.com,eve@rival.com,true,false,true,'@für,,," in text
    results = bring(Import(world), read_csv(io.BytesIO(text.encode())))
    assert Counter(outcomes(results)) == {"unchanged": 1102}
    own = "".join(export(world, Acting(account_id=2))).splitlines()
    assert own[1:] == ["-a@rival.com,eve@rival.com,true,false,true,'@für,,,,everyone"]


def test_ends_go_along_also_past_ones(world: Database) -> None:
    lines = [
        f"a@brand-a.com,{JOHN},true,false,true,,2099-01-31T12:00:00Z,12,90,everyone",
        f"b@brand-a.com,{JOHN},true,false,true,,2001-01-31T12:00:00Z,,,everyone",  # it has expired, and stays taken
    ]
    text = "\n".join([",".join(COLUMNS), *lines]).encode()
    for dry_run, expected in ((True, ["created"] * 2), (False, ["created"] * 2), (False, ["unchanged"] * 2)):
        assert outcomes(bring(Import(world, dry_run=dry_run), read_csv(io.BytesIO(text)))) == expected
    assert "".join(export(world)).splitlines()[1:] == lines
    with world.read() as tx:
        assert [alias.expired for alias in aliases.list_all(tx)] == [False, True]
    lifted = f"address,mailbox,expires_at\nb@brand-a.com,{JOHN},never".encode()
    assert outcomes(bring(Import(world), read_csv(io.BytesIO(lifted)))) == ["updated"]
    with world.read() as tx:
        assert [alias.expired for alias in aliases.list_all(tx)] == [False, False]


def test_an_export_of_nothing(world: Database) -> None:
    assert "".join(export(world)) == ",".join(COLUMNS) + "\r\n"
