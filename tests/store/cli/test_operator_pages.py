"""The lines of docs/backup.md, upgrade.md and operate.md are run as they stand, on a site with something in it."""

import re
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from byname.cli import app
from store.wire_format import layout
from store.wire_format.counts import STREAM
from tests.forking.shell import run_lines
from tests.store.cli.command_line import CommandLine
from tests.store.redis_server import RedisServer

ROOT = Path(__file__).parents[3]
DOCS, SYSTEMD = ROOT / "docs", ROOT / "systemd"
PAGES = ("backup.md", "upgrade.md", "operate.md")
_PREAMBLE = """\
runuser() { shift 3; "$@"; }
install() { mkdir -p "${@: -1}"; }
"""


def parts(page: str) -> list[tuple[str, str]]:
    """The marked parts of a page, by name, as scripts."""
    text = (DOCS / page).read_text()
    found = re.findall(r"<!-- ([a-z]+): a test runs these lines -->\n(.*?)<!-- \1: end -->", text, re.DOTALL)
    return [
        (name, "\n".join(line[4:] for line in body.splitlines() if line.startswith("    "))) for name, body in found
    ]


@pytest.mark.parametrize("page", PAGES)
def test_the_lines(page: str, byname: CommandLine) -> None:
    printed = ""
    folder = byname.folder / "backups"
    folder.mkdir()
    for name, script in parts(page):
        there = script.replace("/var/backups/byname", str(folder))
        done = run_lines(there, folder=ROOT, config=byname.config, preamble=_PREAMBLE)
        assert (done.returncode, done.stderr) == (0, ""), (name, done)
        printed += done.stdout
    told = {
        "backup.md": ("byname.db", '"sha256": "', "the store is that of ", "as it should be"),
        "upgrade.md": ("the store at revision ", "as it should be"),
        "operate.md": ("alias.create", "0 entries from before ", "would go"),
    }
    assert [words for words in told[page] if words not in printed] == []
    assert byname("alias", "list", "--json").data["data"]


@pytest.mark.parametrize("page", PAGES)
def test_what_the_pages_name_is_there(page: str) -> None:
    text = (DOCS / page).read_text()
    named = set(re.findall(r"\bconf/[a-zA-Z/.]+[a-zA-Z]|tests/[a-z_/]+\.py", text))
    assert [path for path in named if not (ROOT / path).exists()] == []
    rows = (DOCS / "reliability.md").read_text()
    units = {path.name for path in SYSTEMD.iterdir()}
    for unit in re.findall(r"`(byname-[a-z]+(?:@[a-z]*)?(?:\.timer)?)`", text):
        name = re.sub(r"@\w*", "@", unit)
        assert name in units or f"{name}.service" in units or f"| `{unit}` |" in rows, unit


def test_what_former_formats_left_in_redis_goes(redis_server: RedisServer, tmp_path: Path) -> None:
    lines = (DOCS / "upgrade.md").read_text().splitlines()
    line = next(line for line in lines if line.startswith("    redis-cli --scan"))
    line = line.replace("PREFIX", "byname:[^{]")  # as in CHANGELOG.md
    command = tmp_path / "redis-cli"
    command.write_text(f'#!/bin/sh\nexec /usr/bin/redis-cli -s {redis_server.socket} "$@"\n')
    command.chmod(0o755)
    kept = {layout.LEASE_KEY, layout.domain_key("brand-a.com"), STREAM, "another program's"}
    for key in kept | {"byname:2:lease", "byname:3:lease", "byname:3:d:brand-a.com", "byname:counts"}:
        redis_server.admin.set(key, "1")
    for _ in range(2):  # the second time there is nothing
        subprocess.run(["bash", "-c", line], check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
        assert {key.decode() for key in redis_server.admin.keys("*")} == kept


def test_each_unit_runs_a_command_that_there_is() -> None:
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    for path in SYSTEMD.glob("*.service"):
        (started,) = re.findall(r"^ExecStart=/usr/bin/byname ([a-z]+)", path.read_text(), re.MULTILINE)
        assert started in known, path.name
