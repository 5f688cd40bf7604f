"""The benches run: their short form, with real servers and processes. Its figures mean nothing."""

import json
from pathlib import Path

import pytest

from bench.__main__ import BENCHES, main

WITH_GOALS = ("propagation.sqlite_idle_p99_ms", "propagation.sqlite_loaded_p99_ms", "rebuild.sqlite_aliases_per_s")


def test_every_bench_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--short", "--output", str(tmp_path / "latest.json")])
    printed = capsys.readouterr().out
    flat = json.loads((tmp_path / "latest.json").read_text())
    assert {name.partition(".")[0] for name in flat} == {"machine", *BENCHES}
    assert all(isinstance(value, int | float) for name, value in flat.items() if not name.startswith("machine."))
    for name in WITH_GOALS:
        assert flat[name] > 0
        assert f" {name} " in printed
    assert flat["rebuild.sqlite_lookups_refused"] == 0
    assert "short: they run; the figures mean nothing" in printed


def test_an_unknown_bench_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["mtb"])
    assert f"there is no bench mtb; there are {', '.join(BENCHES)}" in capsys.readouterr().err
