"""What the dashboard shows of the mail of aliases: columns that sort, and the page of one alias."""

import time
from xml.etree import ElementTree

import pytest

from admin_api.dashboard.pages.alias_mail import bars
from admin_api.dashboard.pages.alias_order import AliasOrder
from store.clock import utc_now
from store.services import accounts, aliases
from store.services.statistics.activity import Day
from store.services.statistics.merging import merge
from store.sql.database import Database
from store.wire_format.counts import Batch, NameCount, SenderCount
from tests.api.dashboard.visitor import ADMIN, VIEWER, Visitor, World, words

TODAY = int(time.time() // 86_400)
LAST = time.time() - 2.5 * 3600


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    return visitor.signed_in(ADMIN)


@pytest.fixture
def path(world: World) -> str:
    return f"/mailboxes/{world.john}/aliases"


def count(database: Database, *counts: NameCount, senders: tuple[SenderCount, ...] = ()) -> None:
    with database.write() as tx:
        merge(tx, Batch(f"{time.monotonic_ns()}", counts, senders))


def mails(local: str, mails: int, rule: str = "", day: int = TODAY) -> NameCount:
    return NameCount(local, "brand-b.test", rule, day, mails, LAST)


def wrote(path: str, accepted: int, refused: int) -> SenderCount:
    return SenderCount("shop", "brand-b.test", path, accepted, refused, LAST)


def the_alias(database: Database, address: str) -> int:
    with database.read() as tx:
        return aliases.get(tx, address).id


def rows(page_text: str) -> list[str]:
    """The addresses in the order of the table."""
    table = page_text[page_text.index('id="rows"') : page_text.index("</table>")]
    return [part.split('"')[0].split(" ")[1] for part in table.split('name="alias_id" value="')[1:]]


def test_columns_that_sort(admin: Visitor, database: Database, world: World, path: str) -> None:
    with database.write() as tx:
        known = [one.address for one in aliases.list_all(tx, mailbox=world.john)]
        busy = aliases.create(tx, "zz-busy", world.brand_b, world.john).address
    count(database, mails("zz-busy", 4), mails("zz-busy", 2, "alias-disabled"))
    page = admin.get(path)
    assert rows(page.text) == sorted([*known, busy], key=lambda one: one.split("@")[::-1])
    assert "2 hours ago 4 mails in 30 days 2 refused" in words(page)
    assert "none yet 0 mails in 30 days" in words(page)
    for wanted in ("-mails", "-last"):
        assert rows(admin.get(f"{path}?sort={wanted}").text)[0] == busy
        assert rows(admin.get(f"{path}?sort={wanted[1:]}").text)[-1] == busy
    kept = admin.post(f"{path}/rows", row=f"disable {the_alias(database, busy)}", sort="-mails")
    assert "sort=-mails" in kept.headers["Location"]


@pytest.mark.parametrize(
    ("now", "pressed", "then"),
    [("", "address", "-address"), ("", "mails", "-mails"), ("-mails", "mails", "mails"), ("mails", "last", "-last"),
     ("-last", "address", ""), ("nonsense", "last", "-last")],
)  # fmt: skip
def test_the_head_of_a_column(now: str, pressed: str, then: str) -> None:
    assert AliasOrder.of(now).pressed(pressed) == then


def test_the_mail_of_an_alias(admin: Visitor, database: Database, world: World, path: str) -> None:
    with database.write() as tx:
        made = aliases.create(tx, "shop", world.brand_b, world.john)
    here = f"{path}/{made.id}/mail"
    assert "0 accepted, 0 refused. No mail was accepted yet" in words(admin.get(here))
    assert "Who writes is not remembered." in words(admin.get(here))
    assert admin.post(here, days="30").status_code == 303
    assert "Nobody has written in the last 30 days" in words(admin.get(here))
    count(
        database,
        mails("shop", 3),
        mails("shop", 1, "alias-disabled", TODAY - 1),
        senders=(wrote("<<b>&@x.test>", 1, 0), wrote("<News@Shop.test>", 2, 1)),
    )
    page = admin.get(here)
    assert "3 accepted, 1 refused (alias-disabled: 1). Last mail: 2 hours ago" in words(page)
    assert "news@shop.test 2 accepted 1 refused 2 hours ago" in words(page)
    assert "<b>&@x" not in page.text
    chart = page.text[page.text.index("<svg") : page.text.index("</svg>") + len("</svg>")]
    heights = [float(bar.attrib["height"]) for bar in ElementTree.fromstring(chart).iter("rect")]
    assert [height for height in heights if height] == [20.0, 60.0]
    admin.post(here, days="0")
    assert "news@shop.test" not in admin.get(here).text
    with database.read() as tx:
        assert accounts.get(tx, "acme").remember_senders_days == 0


def test_who_may(visitor: Visitor, database: Database, world: World, path: str) -> None:
    with database.write() as tx:
        made = aliases.create(tx, "shop", world.brand_b, world.john)
    here = f"{path}/{made.id}/mail"
    viewer = visitor.signed_in(VIEWER)
    assert viewer.get(here).status_code == 200
    assert "Remember who writes" not in words(viewer.get(here))
    assert viewer.post(here, days="30").status_code == 403
    assert viewer.get(f"{path}/999999/mail").status_code == 404
    assert viewer.get(f"/mailboxes/{world.eve}/aliases/{made.id}/mail").status_code == 404
    with database.read() as tx:
        assert accounts.get(tx, "acme").remember_senders_days == 0


def test_a_day_without_mail_has_no_bar() -> None:
    today = utc_now().date()
    shown = bars([Day(today, 0, 0), Day(today, 1, 1), Day(today, 4, 0)])
    assert [(bar.x, bar.accepted, bar.refused) for bar in shown] == [(0, 0, 0), (10, 15, 15), (20, 60, 0)]
    assert bars([Day(today, 0, 0)])[0].accepted == 0
