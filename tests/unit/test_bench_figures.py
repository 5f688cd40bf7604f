"""What a bench prints and writes."""

import json
from pathlib import Path

import pytest

from bench.report.figures import Figure, Goal, Scale, milliseconds, number, print_table, spread, write_json
from bench.report.percentiles import percentile
from bench.report.reading import read
from bench.report.reasons import reasons

FIGURES = [
    Figure("propagation.idle_p99_ms", 12.3456, "ms", Goal(100)),
    Figure("rebuild.aliases_per_s", 80_000.0, "1/s", Goal(100_000, at_least=True), "7%"),
    Figure("rebuild.aliases", 2000, ""),
]


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (0.999, 100.0), (1.0, 100.0), (0.01, 1.0)]
)
def test_percentile(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], share) == expected


def test_percentile_of_few() -> None:
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([1.0, 2.0, 3.0], 0.5) == 2.0


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal(100), 100.0, True),
        (Goal(100), 100.1, False),
        (Goal(100, at_least=True), 100.0, True),
        (Goal(100, at_least=True), 99.9, False),
    ],
)
def test_goal(goal: Goal, value: float, *, met: bool) -> None:
    assert goal.is_met(value) is met


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (0.0123, "0.0123"), (12.345, "12.3"), (99.99, "100"), (123456.7, "123,457")]
)
def test_number(value: float, words: str) -> None:
    assert number(value) == words


def test_spread() -> None:
    assert spread([10.0, 11.0, 9.0]) == "20%"


def test_a_series_is_held_against_its_own_fifths() -> None:
    seconds = [0.001 * value for value in (1, 2, 2, 2, 2, 2, 2, 2, 2, 3)]
    found = milliseconds("api.page_p50", 0.5, seconds)
    assert (found.name, round(found.value, 6), found.unit, found.spread) == ("api.page_p50_ms", 2, "ms", "50%")
    assert milliseconds("api.page_p50", 0.5, seconds[:4]).spread == ""


def test_the_reading_says_only_what_was_measured() -> None:
    measured = [Figure("mta.redis_cpu_us", 3000.0, "us"), Figure("mta.lmdb_cpu_us", 1800.0, "us")]
    assert list(read(measured)) == [
        "A message through Byname over Redis takes 3,000 µs of CPU time, Postfix included, and 1,800 µs with Postfix's"
        " own lmdb maps: 100,000 messages a day take 120 s of one core more."
    ]
    assert "10 s of one core less" in next(read([Figure("mta.redis_cpu_us", 1700.0, "us"), measured[1]]))
    assert not list(read(measured[:1]))


def test_the_reading_compares_with_filters_of_others() -> None:
    ways = {"redis_lmdb": 2500.0, "plain_milter": 2700.0, "policy": 2600.0, "rspamd": 4000.0}
    measured = [Figure(f"peers.{way}_cpu_us", value, "us") for way, value in ways.items()]
    assert list(read(measured)) == [
        "Beside filters of others that ask a Redis for the same names, a message takes 2,500 µs with Byname (hosted"
        " domains in a file, as theirs), 2,700 µs with a plain filter on pymilter, 2,600 µs with a policy service in"
        " Python, 4,000 µs with rspamd and one rule."
    ]
    assert not list(read(measured[:3]))  # without rspamd


def test_a_goal_that_is_missed_has_its_reason_and_one_that_is_met_has_none() -> None:
    figures = [
        Figure("api.sqlite_creates_per_s", 10.0, "1/s", Goal(500, at_least=True)),
        Figure("api.postgresql_creates_per_s", 10.0, "1/s", Goal(1000, at_least=True)),
        Figure("messages.api_over_smtplib_cpu", 1.5, "x", Goal(2)),
        Figure("unheard.of", 3.0, "x", Goal(2)),
    ]
    names, why = zip(*reasons(figures), strict=True)
    assert names == ("`api.sqlite_creates_per_s`, `api.postgresql_creates_per_s`", "`unheard.of`")
    assert "transaction" in why[0]
    assert why[1] == "not looked into"


def test_table_says_which_goals_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(FIGURES, {"cpu": "one", "cores": 2})
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if "." in line]
    assert lines[0] == ["propagation.idle_p99_ms", "12.3", "ms", "<=", "100", "met"]
    assert lines[1] == ["rebuild.aliases_per_s", "80,000", "1/s", "7%", ">=", "100,000", "not", "met"]
    assert lines[2] == ["rebuild.aliases", "2,000"]


def test_json_is_one_flat_object(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    write_json(FIGURES, {"cpu": "one", "cores": 2}, path)
    assert json.loads(path.read_text()) == {
        "machine.cpu": "one",
        "machine.cores": 2,
        "propagation.idle_p99_ms": 12.346,
        "rebuild.aliases_per_s": 80_000.0,
        "rebuild.aliases": 2000,
        "text.propagation.idle_p99_ms": "ms\t<= 100\t",
        "text.rebuild.aliases_per_s": "1/s\t>= 100000\t7%",
        "text.rebuild.aliases": "\t\t",
    }


def test_two_figures_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"two figures are called rebuild\.aliases"):
        write_json([*FIGURES, FIGURES[2]], {}, tmp_path / "latest.json")


def test_scale() -> None:
    assert [scale.of(1, 2, 3) for scale in (Scale(short=True), Scale(), Scale(full=True))] == [1, 2, 3]
    assert Scale(full=True).of(1, 2) == 2
    assert [scale.name for scale in (Scale(short=True), Scale(), Scale(full=True))] == ["short", "usual", "full"]
