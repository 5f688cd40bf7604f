"""The cost model behind docs/scaling.md: its arithmetic, what it calls full first, and that the page is its own."""

import json
from dataclasses import replace

import pytest

from bench.capacity import FIGURES, Costs, Plan, bottleneck, cache_bytes, mail_servers, needs
from bench.report.scaling import DOCS, KEPT, PLAN, page, parted, picture

COSTS = Costs(
    message_us=2000,
    filter_us=400,
    redis_us=50,
    sql_filter_us=800,
    sql_server_us=600,
    change_relay_us=100,
    change_redis_us=10,
    relay_per_s=8000,
    create_api_us=3000,
    create_database_us=1000,
    bulk_item_us=100,
    turn_us=1000,
    rebuild_per_s=200_000,
    bytes_per_alias=70,
    bytes_per_name=90,
)
SITE = Plan(
    aliases=12_000_000,
    mailboxes=1_000_000,
    domains=100_000,
    messages_per_s=1000,
    changes_per_s=500,
    creates_per_s=100,
    load=0.5,
    cores_of_mail_server=4,
    cores_of_database=10,
    link_bits_per_s=1e9,
)


def shares(plan: Plan, costs: Costs = COSTS) -> dict[str, float]:
    return {need.what: round(need.share, 4) for need in needs(plan, costs) if need.share is not None}


def test_what_a_site_needs() -> None:
    found = {need.what: (round(need.amount, 3), need.unit) for need in needs(SITE, COSTS)}
    assert found["cores of mail servers"] == (4.0, "cores")  # 1,000/s x 2 ms / 0.5
    assert mail_servers(SITE, COSTS) == 1
    assert found["cores of APIs"] == (0.68, "cores")  # (100 x 3 ms + 400 x 0.1 ms) / 0.5
    assert found["the Redis beside each of them"] == (5.0, "% of a core")  # 1,000/s x 50 us
    assert found["PostgreSQL, for changes"] == (0.1, "cores")
    assert found["Redis built anew"] == (1.0, "min")  # 12 million / 200,000 a second


def test_the_shares_of_what_there_is_one_of() -> None:
    assert shares(SITE) == {
        "the relay's processor": 0.05,  # 500/s x 100 us
        "the relay, held up": 0.0625,
        "the primary Redis": 0.005,
        "PostgreSQL, for changes": 0.01,
        "the clock's row": 0.1,  # 100/s x 1 ms
        "PostgreSQL while Redis is built anew": 0.06,  # 1,000/s x 600 us / 10 cores
    }


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ({}, "the clock's row"),
        ({"changes_per_s": 5000}, "the relay, held up"),
        ({"creates_per_s": 10, "messages_per_s": 10_000}, "PostgreSQL while Redis is built anew"),
    ],
)
def test_what_is_full_first(change: dict[str, float], first: str) -> None:
    assert bottleneck(needs(replace(SITE, **change), COSTS)).what == first  # type: ignore[arg-type]


def test_one_mail_server_more_when_one_is_full() -> None:
    assert [mail_servers(replace(SITE, messages_per_s=rate), COSTS) for rate in (1000, 1001, 2000, 2001)] == [
        1,
        2,
        2,
        3,
    ]


def test_the_line_through_both_stores_that_were_weighed() -> None:
    name, domain = COSTS.memory
    assert name * 1_010_000 + domain * 2_000 == pytest.approx(70 * 1_000_000)
    assert name * 250_000 + domain * 50_000 == pytest.approx(90 * 250_000)
    assert cache_bytes(SITE, COSTS) == pytest.approx(name * 13_000_000 + domain * 100_000)


def test_a_part_of_a_plan_is_as_full_in_proportion() -> None:
    tenth, whole = shares(parted(PLAN, 10)), shares(PLAN)
    for what in ("the relay's processor", "the clock's row", "PostgreSQL while Redis is built anew"):
        assert tenth[what] == pytest.approx(whole[what] / 10, rel=0.01)


def test_a_figure_that_a_run_lacks_is_named() -> None:
    figures = dict.fromkeys(FIGURES.values(), 1.0)
    del figures["relay.postgresql_turn_us"]
    with pytest.raises(KeyError, match="postgresql_turn_us"):
        Costs.of(figures)


def test_the_page_and_its_picture_are_of_the_figures_that_are_kept() -> None:
    kept = json.loads(KEPT.read_text())
    assert (DOCS / "scaling.md").read_text() == page(kept["figures"], kept["machine"])
    assert (DOCS / "scaling.svg").read_text() == picture(kept["figures"])
