"""Bulk: a file is checked, then applied to its end; what is wrong stands at its line; who may do it; the export."""

import csv
import io
from datetime import timedelta

import httpx
import pytest

from store.clock import utc_now
from store.services import accounts, aliases
from store.services.importing import kept
from store.services.importing.chunks import Import
from store.services.importing.work import work
from store.sql.database import Database
from store.sql.tables import ImportRow
from store.sql.tenant import Acting
from tests.api.dashboard.visitor import ADMIN, EVE, JOHN, OPERATOR, VIEWER, Cache, Visitor, World, words

HEAD = "address,mailbox,can_receive,can_send,is_active,note\n"
SHOP = f"{HEAD}shop@brand-b.test,{JOHN},true,true,,for the shop\n"


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    return visitor.signed_in(ADMIN)


@pytest.fixture
def acting(database: Database) -> Acting:
    with database.read() as tx:
        return Acting(accounts.get(tx, "acme").id, f"admin {ADMIN}")


def upload(visitor: Visitor, text: str = "", source: str = "csv", file: bytes = b"") -> httpx.Response:
    """Send the form as a browser does, with a file or an empty one."""
    data = {"csrf": visitor.token(), "source": source, "text": text}
    return visitor.client.post("/bulk", data=data, files={"file": ("names.csv", file)})


def checked(visitor: Visitor, text: str = "", source: str = "csv", file: bytes = b"") -> tuple[str, httpx.Response]:
    """Have a file checked, and return the address of its page, and the page."""
    answer = upload(visitor, text, source, file)
    assert answer.status_code == 303, words(answer)
    return answer.headers["Location"], settled(visitor, answer.headers["Location"])


def settled(visitor: Visitor, at: str) -> httpx.Response:
    page = visitor.get(at)
    while "data-poll" in page.text:
        page = visitor.get(at)
    return page


def names(database: Database) -> set[str]:
    with database.read() as tx:
        return {one.address for one in aliases.list_all(tx)}


def test_a_file_is_checked_and_then_applied(admin: Visitor, database: Database, world: World) -> None:
    text = (
        f"{SHOP}sales@brand-b.test,{JOHN},,true,,\ninfo@brand-a.test,{JOHN},,,,\n"
        f"Bad Name@brand-b.test,{JOHN},,,,\nx@brand-b.test,nobody@brand-a.test,,,,\nbad,line\n"
    )
    at, page = checked(admin, text)
    said = words(page)
    for count in ("1 to be made", "1 to be changed", "1 unchanged", "3 refused"):
        assert " ".join(reversed(count.split(" ", 1))) in said
    assert "5 Bad Name@brand-b.test invalid name before the @: spaces are not allowed" in said
    assert "6 x@brand-b.test there is no mailbox nobody@brand-a.test" in said
    assert "7 2 cells where the first line has 6" in said
    assert "2 shop@brand-b.test to be made" in said
    assert "Apply to 2 aliases" in said
    assert "shop@brand-b.test" not in names(database)
    for _ in range(2):  # pressed twice
        assert admin.post(at, action="apply").headers["Location"] == at
    said = words(settled(admin, at))
    assert "All lines are done. live on the mail server" in said
    assert "made 1" in said
    assert "shop@brand-b.test" in names(database)
    with database.read() as tx:
        made, sales = aliases.get(tx, "shop@brand-b.test"), aliases.get(tx, world.sales)
    assert (made.can_send, made.is_active, made.note, sales.can_send) == (True, True, "for the shop", True)
    again = words(checked(admin, text)[1])
    assert "Nothing is to be made and nothing to be changed." in again
    assert "Applied" in words(admin.get("/bulk"))


def test_a_virtual_file(admin: Visitor, database: Database) -> None:
    text = f"# names\nshop@brand-b.test  {JOHN}\n@brand-b.test {JOHN}\nbrand-b.test anything\nroot {JOHN}\n"
    at, page = checked(admin, text, "postfix-virtual")
    assert "4 brand-b.test unchanged" in words(page)
    assert "5 There is no @ in the name" in words(page)
    admin.post(at, action="apply")
    settled(admin, at)
    assert "shop@brand-b.test" in names(database)


@pytest.mark.parametrize(
    ("text", "file", "expected"),
    [
        ("", b"", "There is nothing to check: paste some lines or choose a file."),
        (" \n ", b"", "There is nothing to check"),
        ("a;b\n1;2", b"", "The columns are separated by semicolons"),
        ("", "address,mailbox\n".encode("utf-16"), "as in UTF-16"),
        ("", b"address,mailbox\rx@brand-b.test,john@brand-a.test\r", "bare CR"),
        ("address,mailbox,<script>\nx", b"", "There is no column <script>"),
        ("x" * 10_000, b"", "more than 8192 octets"),
    ],
)
def test_what_no_line_can_be_understood_of(
    admin: Visitor, database: Database, text: str, file: bytes, expected: str
) -> None:
    answer = upload(admin, text, file=file)
    assert answer.status_code == 422
    assert expected in words(answer)
    assert "<script>" not in answer.text.partition("<main")[2]
    assert 'aria-invalid="true"' in answer.text
    if text.strip():
        assert text.partition(",")[0] in answer.text  # what was pasted is still there
    with database.read() as tx:
        assert kept.recent(tx, 9) == []


def test_hostile_cells(admin: Visitor, database: Database) -> None:
    cells = [
        f"evil1@brand-b.test,{JOHN},,,,<script>alert(1)</script>",
        f"evil2@brand-b.test,{JOHN},,,,=cmd|' /C calc'!A0",
        f"evil3@brand-b.test,{JOHN},,,,{'x' * 10_000}",
        f"evil4@brand-b.test,{JOHN},,,,\u202egpj",
        f"evil5@brand-b.test,{JOHN},,,,a\0b",
        f'evil6@brand-b.test,{JOHN},,,,"never closed',
        f"<script>@brand-b.test,{JOHN},,,,",
        f"evil8@brand-b.test,{JOHN},maybe,,,",
        f"{'y' * 5_000}@brand-b.test,{JOHN},,,,",
    ]
    latin = "evil9@brand-b.test,john@brand-a.test,,,,Caf\xe9".encode("latin-1")
    at, page = checked(admin, file=(HEAD + "\r\n".join(cells) + "\r\n").encode() + latin)
    assert "<script>" not in page.text.partition("<main")[2]
    said = words(page)
    for expected in (
        "More than 8192 octets",
        "A NUL character",
        "A quotation mark",
        "The column can_receive must be",
        "Not UTF-8",
    ):
        assert expected in said
    admin.post(at, action="apply")
    settled(admin, at)
    made = {name for name in names(database) if name.startswith("evil")}
    assert made == {"evil1@brand-b.test", "evil2@brand-b.test"}
    exported = admin.client.get("/bulk/aliases.csv")
    rows = {row["address"]: row["note"] for row in csv.DictReader(io.StringIO(exported.text))}
    assert rows["evil2@brand-b.test"] == "'=cmd|' /C calc'!A0"  # no formula for a spreadsheet


def test_the_export_can_be_brought_in_again(admin: Visitor, database: Database) -> None:
    exported = admin.client.get("/bulk/aliases.csv")
    assert exported.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert exported.headers["Content-Disposition"] == 'attachment; filename="aliases.csv"'
    assert "Content-Security-Policy" in exported.headers
    assert "rival.test" not in exported.text
    assert "unchanged 2" in words(checked(admin, exported.text)[1])


def test_the_limit_of_the_plan_counts(admin: Visitor, database: Database) -> None:
    with database.write() as tx:
        accounts.update(tx, "acme", is_trial=True)
    text = HEAD + "".join(f"n{number}@brand-b.test,{JOHN},,,,\n" for number in range(5))
    at, page = checked(admin, text)
    assert "a mailbox of a trial account has at most 5 aliases, and this one has 5" in words(page)
    assert "Apply to 3 aliases" in words(page)
    admin.post(at, action="apply")
    assert "made 3" in " ".join(words(settled(admin, at)).split())
    assert len([name for name in names(database) if name.startswith("n")]) == 3


def test_others_names_are_not_told(admin: Visitor) -> None:
    text = f"{HEAD}secret@rival.test,{JOHN},,,,\nother@rival.test,{JOHN},,,,\nx@brand-b.test,{EVE},,,,\n"
    said = words(checked(admin, text)[1])
    assert said.count("rival.test is not a domain of this account") == 2
    assert f"there is no mailbox {EVE}" in said


def test_who_may_what(visitor: Visitor, database: Database, acting: Acting) -> None:
    with database.write(acting) as tx:
        own = kept.keep(tx, "csv", SHOP.encode())
    with database.write() as tx:
        rivals = accounts.get(tx, "rival").id
    with database.write(Acting(rivals, "admin of rival")) as tx:
        theirs = kept.keep(tx, "csv", SHOP.encode())
    visitor.signed_in(ADMIN)
    for path in (f"/bulk/{theirs}", "/bulk/4711", f"/bulk?from={theirs}"):
        assert visitor.get(path).status_code == 404
    assert visitor.post(f"/bulk/{theirs}", action="apply").status_code == 404
    assert words(visitor.get(f"/bulk/{theirs}")) == words(visitor.get("/bulk/4711"))
    assert visitor.post(f"/bulk/{own}", action="eat").status_code == 422
    assert visitor.post(f"/bulk/{own}", action="apply").status_code == 409  # was not checked
    assert visitor.post(f"/bulk/{own}", csrf="", action="check").status_code == 403
    assert visitor.post("/bulk", csrf="foreign", text=SHOP, source="csv").status_code == 403
    visitor.client.cookies.clear()
    visitor.signed_in(VIEWER)
    assert "You may look at this" in words(visitor.get("/bulk"))
    assert visitor.get(f"/bulk/{own}").status_code == 200
    assert [upload(visitor, SHOP).status_code, visitor.post(f"/bulk/{own}", action="check").status_code] == [403, 403]
    visitor.client.cookies.clear()
    visitor.signed_in(OPERATOR)
    assert visitor.get(f"/bulk/{theirs}").status_code == 200
    assert "secret@rival.test" in visitor.get("/bulk/aliases.csv").text
    visitor.client.cookies.clear()
    visitor.signed_in(JOHN)
    for path in ("/bulk", f"/bulk/{own}", "/bulk/aliases.csv"):
        assert visitor.get(path).status_code == 404
    assert visitor.post("/bulk", text=SHOP, source="csv").status_code == 404
    assert "shop@brand-b.test" not in names(database)


def test_a_suspended_account_brings_in_nothing(admin: Visitor, database: Database) -> None:
    at, _ = checked(admin, SHOP)
    with database.write() as tx:
        accounts.update(tx, "acme", is_active=False)
    assert [upload(admin, SHOP).status_code, admin.post(at, action="apply").status_code] == [403, 403]


def test_one_that_was_stopped_goes_on_where_it_stopped(admin: Visitor, database: Database, acting: Acting) -> None:
    with database.write() as tx:
        accounts.update(tx, "acme", plan="agency")
    text = HEAD + "".join(f"n{number}@brand-b.test,{JOHN},,,,\n" for number in range(90))
    at, _ = checked(admin, text)
    import_id = int(at.rpartition("/")[2])
    with database.write(acting) as tx:  # as a process leaves it that was killed after its first lines
        row = tx.get_one(ImportRow, import_id)
        row.state, row.lines_done, row.created, row.shown = "applying", 40, 40, ""
        row.busy_until = utc_now() - timedelta(seconds=1)
    page = admin.get(at)
    assert "40 of 91 lines" in words(page)
    assert "It waits for its turn, or was stopped. Going on does no line twice." in words(page)
    admin.post(at, action="apply")
    assert "made 90" in words(settled(admin, at))
    made = {name for name in names(database) if name.startswith("n")}
    assert len(made) == 50  # the first 40 were, as far as the import knows, made before


def test_one_that_is_busy_is_left_alone(database: Database, acting: Acting) -> None:
    with database.write(acting) as tx:
        import_id = kept.keep(tx, "csv", SHOP.encode())
        tx.get_one(ImportRow, import_id).busy_until = utc_now() + timedelta(seconds=20)
    work(Import(database, acting), import_id)
    with database.read(acting) as tx:
        assert kept.get(tx, import_id).lines_done == 0


def test_files_that_wait_are_few_and_go_after_a_day(database: Database, acting: Acting) -> None:
    with database.write(acting) as tx:
        ids = [kept.keep(tx, "csv", SHOP.encode()) for _ in range(6)]
        assert [one.id for one in kept.recent(tx, 9)] == ids[:1:-1]
        for identity in ids[2:]:
            tx.get_one(ImportRow, identity).created_at = utc_now() - kept.KEPT - timedelta(minutes=1)
        tx.flush()
        last = kept.keep(tx, "csv", SHOP.encode())
        assert [one.id for one in kept.recent(tx, 9)] == [last]


def test_more_lines_than_one_import_takes(database: Database, acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.services.importing.work.MOST_LINES", most := 1200)
    with database.write(acting) as tx:
        import_id = kept.keep(tx, "csv", ("address,mailbox\n" + "bad\n" * (most + 5)).encode())
    work(Import(database, acting), import_id)
    with database.read(acting) as tx:
        found = kept.get(tx, import_id)
    assert (found.state, found.lines_done, found.counts["failed"]) == ("checked", most + 1, most + 1)
    assert len(found.shown) == kept.SHOWN[True]


def test_a_form_that_is_too_large(admin: Visitor) -> None:
    answer = upload(admin, file=b"x" * 16_000_001)
    assert (answer.status_code, "too much for one form" in words(answer)) == (413, True)


def test_on_its_way_until_it_is_live(admin: Visitor, cache: Cache) -> None:
    at, _ = checked(admin, SHOP)
    cache.says = "pending"
    admin.post(at, action="apply")
    assert "All lines are done. on its way to the mail server" in words(settled(admin, at))
    cache.says = "live"
    assert "live on the mail server" in words(admin.get(at))


def test_the_text_can_be_mended(admin: Visitor) -> None:
    at, page = checked(admin, f"{HEAD}Shop@brand-b.test,{JOHN},,,,<x>\n")
    assert f'href="/bulk?from={at.rpartition("/")[2]}"' in page.text
    assert "Shop@brand-b.test,john@brand-a.test,,,,&lt;x&gt;" in admin.get(f"/bulk?from={at.rpartition('/')[2]}").text
