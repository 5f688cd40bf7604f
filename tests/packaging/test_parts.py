"""The parts of the package that need no machine: units, settings, control files, completion, the lines of the pages."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from conf.settings import load
from tests.packaging import page
from tests.store.cli.command_line import run_here

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "systemd").glob("*.service"))
TMPFILES = (ROOT / "systemd/byname.tmpfiles.conf").read_text()
FOLDERS = set(re.findall(r"^d (\S+)", TMPFILES, re.MULTILINE))
SHIPPED = ROOT / "packaging/byname.toml"


def values(unit: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.MULTILINE)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_runs_a_command_that_there_is(unit: Path, tmp_path: Path) -> None:
    (line,) = values(unit, "ExecStart")
    program, *words = line.replace("%i", "inbound").split()
    assert program == "/usr/bin/byname"
    told = run_here(tmp_path / "none.toml", *words, "--help")
    assert (told.code, told.err) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_writes_only_where_folders_are_made(unit: Path) -> None:
    hardening = ROOT / "systemd/byname-.service.d/hardening.conf"
    named = [path for where in (unit, hardening) for line in values(where, "ReadWritePaths") for path in line.split()]
    assert {path.removeprefix("-") for path in named} <= FOLDERS


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_what_all_have_in_common_stands_in_one_place(unit: Path) -> None:
    common = re.findall(r"^([A-Z]\w+)=", (ROOT / "systemd/byname-.service.d/hardening.conf").read_text(), re.MULTILINE)
    assert not set(common) - {"ReadWritePaths"} & set(re.findall(r"^([A-Z]\w+)=", unit.read_text(), re.MULTILINE))


def test_each_timer_has_its_service_and_no_job_is_without_one() -> None:
    jobs = {unit.stem for unit in UNITS if values(unit, "Type") == ["oneshot"]}
    assert {timer.stem for timer in (ROOT / "systemd").glob("*.timer")} == jobs


@pytest.mark.parametrize(
    ("name", "settings"), [("maps", SHIPPED), ("lmtp", ROOT / "conf/postfix/byname-lmtp/delivery.toml")]
)
def test_a_socket_that_systemd_holds_is_where_the_settings_say_and_comes_with_its_service(
    name: str, settings: Path
) -> None:
    socket = ROOT / f"systemd/byname-{name}.socket"
    listen = tomllib.loads(settings.read_text())[name]["listen"]
    assert [f"unix:{place}" for place in values(socket, "ListenStream")] == [listen]
    assert values(ROOT / f"systemd/byname-{name}.service", "Sockets") == [socket.name]


def test_the_settings_that_are_installed_are_right_and_their_sockets_have_folders() -> None:
    settings = load(SHIPPED, {})
    assert settings.warnings == ()
    assert {str(Path(path).parent) for path in re.findall(r"unix:([^\"]+)", SHIPPED.read_text())} <= FOLDERS


def test_every_blank_of_the_control_file_is_filled() -> None:
    blanks = set(re.findall(r"@[A-Z]+@", (ROOT / "packaging/deb/control.in").read_text()))
    assert blanks == set(re.findall(r"s/(@[A-Z]+@)/", (ROOT / "packaging/in-root").read_text()))


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_a_maintainer_script_is_executable_and_parses(script: str) -> None:
    path = ROOT / "packaging/deb" / script
    assert os.access(path, os.X_OK)
    subprocess.run(["sh", "-n", path], check=True)
    assert path.read_text().startswith("#!/bin/sh\n")
    assert "\nset -e\n" in path.read_text()


@pytest.mark.parametrize(("script", "argument"), [("prerm", "upgrade"), ("postinst", "abort-upgrade")])
def test_a_maintainer_script_does_nothing_where_nothing_is_to_be_done(script: str, argument: str) -> None:
    """Without programs: whatever it called would fail."""
    done = subprocess.run(
        ["/bin/sh", ROOT / "packaging/deb" / script, argument, "1"], env={"PATH": "/nowhere"}, capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.skipif(
    "CI" not in os.environ and shutil.which("systemd-analyze") is None,
    reason="there is no systemd-analyze; `./bootstrap.sh check` installs it",
)
@pytest.mark.parametrize(
    "line", ["PrivateNetwork=yes", "PrivateUsers=yes\nRestrictNamespaces=yes\nProtectProc=invisible"]
)
def test_the_gate_of_make_check_notices_what_is_loosened(line: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "systemd", tmp_path / "systemd")
    for file in ("byname-maps.service", "byname-.service.d/hardening.conf"):
        path = tmp_path / "systemd" / file
        text = path.read_text()
        for one in line.split("\n"):
            text = text.replace(f"{one}\n", "")
        path.write_text(text)
    for kept in (tmp_path / "systemd").glob("*.service"):
        if kept.name != "byname-maps.service":
            kept.unlink()
    done = subprocess.run(["bash", ROOT / "packaging/rate-units", tmp_path / "systemd"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "byname-maps.service: may do more" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_for_a_shell(shell: str) -> None:
    environ = os.environ | {"_BYNAME_COMPLETE": f"source_{shell}"}
    script = subprocess.run([sys.executable, "-m", "byname"], env=environ, capture_output=True, text=True, check=True)
    assert f"_BYNAME_COMPLETE=complete_{shell}" in script.stdout


def test_completion_knows_the_commands() -> None:
    environ = os.environ | {"_BYNAME_COMPLETE": "complete_bash", "COMP_WORDS": "byname alias re", "COMP_CWORD": "2"}
    told = subprocess.run([sys.executable, "-m", "byname"], env=environ, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["remove"]


def test_the_readme_says_no_other_lines_than_the_page_that_is_run() -> None:
    text, _, _ = (ROOT / "README.md").read_text().partition("<!-- postfix: a test runs these lines -->")
    _, _, first_use = text.partition("## First use")
    short = [line.strip() for line in first_use.splitlines() if line.startswith("    ")]
    assert set(short) <= {line for lines in page.parts().values() for line in lines}
