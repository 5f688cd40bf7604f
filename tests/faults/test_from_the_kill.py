"""The time from a kill: by the replies in the ledger, and by what answered look-ups."""

from pathlib import Path

import pytest

from tests.faults.ledger import Attempt, Ledger, Summary
from tests.faults.looks import Look, Looks, back_at
from tests.faults.names import GIVEN, MOVING, Kind
from tests.faults.page import FAULTS, table
from tests.faults.timeline import Timeline
from tests.faults.trial import Figures, from_the_kill, row
from tests.mail.world import JOHN

KILLED, ENDED = 100.0, 120.0
SALES = "sales@brand-b.test"
NO_FIGURES = Figures(
    Summary(), mails=1, put_off=0, known_put_off=0, recovery=0.0, slowest=0.1, cache_back=0.0, replies=()
)


def looks(*seen: tuple[float, str]) -> list[Look]:
    return [Look(at, source) for at, source in seen]


@pytest.mark.parametrize(
    ("seen", "back"),
    [
        ([(90.0, "replica"), (101.0, "sql"), (104.0, "cache"), (121.0, "sql"), (125.0, "cache")], 104.0),  # a return
        ([(90.0, "replica"), (101.0, "sql"), (125.0, "cache")], 125.0),  # with the return only
        ([(90.0, "replica")], 100.0),  # never away
        ([(90.0, "replica"), (101.0, "sql"), (104.5, "cache")], 104.5),
        ([(90.0, "cache"), (101.0, "sql"), (102.0, "replica"), (103.0, "none"), (107.0, "cache")], 107.0),
        ([(90.0, "sql"), (95.0, "replica"), (101.0, "cache"), (102.0, "replica")], 100.0),  # either is usual
    ],
)
def test_when_the_cache_was_back(seen: list[tuple[float, str]], back: float) -> None:
    assert back_at(looks(*seen), KILLED, ENDED) == back


@pytest.mark.parametrize(
    "seen",
    [
        [],
        [(101.0, "replica")],  # nobody looked before
        [(90.0, "sql"), (101.0, "replica")],  # it was away already
        [(90.0, "replica"), (101.0, "sql")],  # it never came back
    ],
)
def test_what_tells_no_time(seen: list[tuple[float, str]]) -> None:
    with pytest.raises((ValueError, IndexError)):
        back_at(looks(*seen), KILLED, ENDED)


def test_lines_of_the_log_are_no_looks(tmp_path: Path) -> None:
    log = tmp_path / "looks"
    seen = Looks(tmp_path / "byname.toml", log)
    assert seen.seen() == []
    log.write_text("90.000 replica\n2026-11-30 replica-not-believed reason=timeout\n101.250 sql\n102.5")
    assert seen.seen() == looks((90.0, "replica"), (101.25, "sql"))


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [
        ([(99.0, 99.1, 250)], 0.0),
        ([(98.0, 98.1, 451), (101.0, 101.1, 250)], 0.0),  # from before
        ([(101.0, 101.5, 451), (102.0, 103.0, 451), (104.0, 104.1, 250)], 3.0),
        ([(99.0, 108.0, 0), (109.0, 109.1, 250)], 8.0),  # on its way when it happened
    ],
)
def test_when_all_answers_were_right_again(attempts: list[tuple[float, float, int]], seconds: float) -> None:
    ledger = Ledger(Timeline({GIVEN: JOHN}, 0.0), "m")
    ledger.timeline.killed_at = KILLED
    (entry,) = ledger.write_down(Kind(((SALES, JOHN),)))
    entry.attempts += [Attempt(began, ended, code, "") for began, ended, code in attempts]
    (moving,) = ledger.write_down(Kind(((GIVEN, MOVING),)))
    moving.attempts.append(Attempt(150.0, 150.1, 451, ""))  # it was being changed
    figures = from_the_kill(NO_FIGURES, ledger, (), ENDED)
    assert (figures.kill_to_answers, figures.kill_to_cache) == (seconds, None)
    seen = [looks((90.0, "cache")), looks((90.0, "cache"), (101.0, "sql"), (103.0, "replica"))]
    assert from_the_kill(NO_FIGURES, ledger, seen, ENDED).kill_to_cache == 3.0  # the last one's


def test_sites_that_were_cut_off_do_not_count() -> None:
    ledger = Ledger(Timeline({GIVEN: JOHN}, 0.0), "m")
    ledger.timeline.killed(cut_off={1})
    ledger.timeline.killed_at = KILLED
    for site, ended in ((0, 101.5), (1, 119.0)):
        (entry,) = ledger.write_down(Kind(((SALES, JOHN),)), site)
        entry.attempts.append(Attempt(ended - 0.1, ended, 451, ""))
    seen = [looks((90.0, "cache"), (101.0, "sql"), (102.0, "cache")), looks((90.0, "cache"), (101.0, "none"))]
    figures = from_the_kill(NO_FIGURES, ledger, seen, ENDED)
    assert (figures.kill_to_answers, figures.kill_to_cache) == (1.5, 2.0)


def test_the_first_kill_counts() -> None:
    timeline = Timeline({}, 0.0)
    assert timeline.killed_at is None
    timeline.killed()
    first = timeline.killed_at
    timeline.killed()
    assert timeline.killed_at == first is not None


def test_a_row_that_was_not_run_keeps_its_line() -> None:
    ran, kept, gone = FAULTS[0], FAULTS[1], "| `no-such-fault` | x |"
    rows = [row(ran, NO_FIGURES)]
    former = f"| `{ran.name}` | old |\n| `{kept.name}` | old |\n{gone}\n"
    lines = table(rows, former).splitlines()[2:]
    assert lines[0].startswith(f"| `{ran.name}` | {ran.does} |")
    assert lines[0].endswith("| 1 | 0 | 0.0 | 0.0 | 0.1 | - | - |")
    assert lines[1:] == [f"| `{kept.name}` | old |"]
