"""``byname demo`` without its extra says what to install."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.store.cli.command_line import CommandLine

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    byname = CommandLine(tmp_path)
    monkeypatch.setitem(sys.modules, "aiosmtpd", None)  # as if it were not installed
    finished = byname("demo", "--once")
    assert (finished.code, finished.out) == (78, "")
    assert finished.err.splitlines() == [
        "byname: extra-missing: this command needs the Python package aiosmtpd, which is not installed",
        "byname: hint: pip install 'byname[demo]'",
    ]
    assert byname("--json", "demo", "--once").error["code"] == "extra-missing"


def test_the_extra_brings_it_and_nothing_else_needs_it() -> None:
    assert [line.partition(">")[0] for line in PROJECT["optional-dependencies"]["demo"]] == ["aiosmtpd"]
    assert not [line for line in PROJECT["dependencies"] if line.startswith("aiosmtpd")]


@pytest.mark.parametrize("module", ["byname.commands.daemons", "byname_milter.server", "edges.lmtp", "admin_api.app"])
def test_what_runs_in_production_loads_without_it(module: str) -> None:
    code = f"import sys; sys.modules['aiosmtpd'] = None; sys.path[:0] = ['.', 'milter']; import {module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
