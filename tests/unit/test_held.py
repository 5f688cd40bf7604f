"""How what long-running processes hold is judged (``make soak``)."""

from pathlib import Path

import pytest

from tests.faults.held import Held, Watch, growth, held


def test_what_a_process_holds(tmp_path: Path) -> None:
    (tmp_path / "7" / "fd").mkdir(parents=True)
    (tmp_path / "7" / "status").write_text("Name:\tx\nVmRSS:\t 9000 kB\nRssAnon:\t 2048 kB\nVmSwap:\t 1024 kB\n")
    for number in range(3):
        (tmp_path / "7" / "fd" / str(number)).touch()
    assert held(7, tmp_path) == Held(3.0, 3)
    assert held(8, tmp_path) is None


def test_growth_leaves_out_how_a_process_warms_up() -> None:
    sizes = (50.0, 80.0, 100.0, 100.0, 100.0, 100.0, 106.0, 106.0)
    found = growth("relay", [Held(size, 20 + (size > 100)) for size in sizes])
    assert (found.looks, found.mib, found.files) == (8, 106.0, 1)
    assert found.memory == pytest.approx(0.06)
    assert growth("relay", [Held(100.0, 20)] * 8).memory == 0.0


def test_a_process_that_was_restarted_is_another() -> None:
    watch = Watch()
    watch.look({"gone": None})
    assert list(watch.growths()) == []
