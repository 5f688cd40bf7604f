"""What a bench prints and writes."""

import json
from pathlib import Path

import pytest

from bench.figures import Figure, Goal, Scale, number, print_table, spread, write_json
from bench.percentiles import percentile

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
