"""What docs/api.md and the README say about the API: every curl line is run, and every table held against the code."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from admin_api.http.bodies import LARGEST_BODY
from admin_api.http.error_codes import RETRYABLE, STATUS, TITLES
from admin_api.http.uploads import LARGEST_UPLOAD
from admin_api.mcp.prompts import COURSES
from admin_api.mcp.resources import KINDS
from admin_api.mcp.schemas import CONFIRM, KEY
from admin_api.mcp.tools import LEFT_OUT, TOOLS
from admin_api.rest.routes.all import operations_by_name
from admin_api.site import Mcp
from conf.sections import ApiSettings
from store.services.bulk.bulk_call import MOST_ITEMS
from store.services.scopes import SCOPES
from store.sql.database import Database
from store.transfer.lines import LINE_CODES, MOST_LINES
from tests.api.running_api import RunningApi, site_over
from tests.store.cli.command_line import CommandLine

ROOT = Path(__file__).parents[2]
PAGE, MESSAGES, README = ROOT / "docs" / "api.md", ROOT / "docs" / "messages.md", ROOT / "README.md"
AGENTS = ROOT / "docs" / "mcp.md"
ALIASES, MIGRATE = ROOT / "docs" / "aliases.md", ROOT / "docs" / "migrate.md"

# The lines are run as they stand, but for the place of the server, who runs ``byname`` and with which settings.
_PREAMBLE = """\
set -euo pipefail
runuser() { shift 3; "$@"; }
byname() { "$PYTHON" -m byname --config "$CONFIG" "$@"; }
curl() { command curl --fail-with-body "$@"; }
"""


def lines(page: Path, part: str) -> str:
    """Return the code between two marks, as a script."""
    _, _, rest = page.read_text().partition(f"<!-- {part}: a test runs these lines -->")
    text, end, _ = rest.partition(f"<!-- {part}: end -->")
    assert end, f"{page.name} has no part {part}"
    return "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))


def first_use() -> list[str]:
    """Return the commands by which the README makes its first names."""
    return re.findall(r"runuser -u byname -- byname ((?:account|domain|mailbox|alias) .+)", README.read_text())


@pytest.fixture
def byname(tmp_path: Path) -> CommandLine:
    made = CommandLine(tmp_path)
    assert made("db", "upgrade").code == 0
    return made


@pytest.fixture
def served(byname: CommandLine) -> Iterator[RunningApi]:
    database = Database.open(f"sqlite:///{byname.database}")
    api = RunningApi(replace(site_over(database), mcp=Mcp(("127.0.0.1:*",), ())))
    yield api
    api.close()
    database.close()


def run(script: str, byname: CommandLine, api: RunningApi, told: list[str] | None = None) -> str:
    """Run a script in a shell; return what it printed, or fail with it. ``told``: what stands on standard error."""
    there = script.replace("127.0.0.1:8080", urlsplit(api.url).netloc)
    environ = os.environ | {"PYTHON": sys.executable, "CONFIG": str(byname.config)}
    done = subprocess.run(
        ["bash", "-c", _PREAMBLE + there], cwd=byname.folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    if told is None:
        assert not done.stderr
    else:
        told += done.stderr.splitlines()
    return done.stdout


def test_the_first_steps(byname: CommandLine, served: RunningApi) -> None:
    script = lines(PAGE, "first steps")
    assert len(re.findall(r"^api .*\$API", script, re.MULTILINE)) >= 25
    printed = run(script, byname, served)
    for told in (
        '"kind":"operator"', '"plan":"pro"', '"status":"pending_dns"', "_byname.brand-a.com", '"status":"queued"',
        '"address":"sales@brand-b.com"', '"can_send":true', '"verdict":"deliver"', '"verdict":"allow"',
        '"status":"deleted"', "info@brand-b.com,john@brand-b.com,true,true,true,",
        '"action":"alias.create"', '"secret":"bn_ops_',
    ):  # fmt: skip
        assert told in printed, told
    assert printed.count('"created": 1') == 2
    left = byname("alias", "list").out
    assert ("info@brand-b.com" in left, "sales@brand-b.com" in left) == (True, False)


def test_the_readmes_lines(byname: CommandLine, served: RunningApi) -> None:
    byname.succeed(*first_use())
    printed = run(lines(README, "api"), byname, served)
    assert '"address":"press@brand-b.test"' in printed
    assert '"is_active":false' in printed
    assert '"verdict":"reject"' in printed


def test_sending(byname: CommandLine, served: RunningApi) -> None:
    byname.succeed(
        "account create a --plan pro",
        "domain add brand-a.com --account a --verified",
        "mailbox add john@brand-a.com --generate-password",
    )
    printed = run("API=http://127.0.0.1:8080/api/v1\n" + lines(MESSAGES, "sending"), byname, served)
    assert printed.count('"status":"accepted"') == 2
    assert '"is_primary":true' in printed


def test_sending_on_the_command_line(byname: CommandLine, served: RunningApi) -> None:
    byname.configure('sending.listener = "127.0.0.1:1"')
    byname.succeed(
        "account create a --plan pro",
        "domain add brand-a.com --account a --verified",
        "mailbox add john@brand-a.com --generate-password",
    )
    told: list[str] = []
    printed = run(lines(MESSAGES, "command line"), byname, served, told)
    assert told == ["byname: message 2 has this key already; nothing more is sent"]
    assert len(byname("message", "list", "--json").data["data"]) == 2
    assert printed.count("accepted") == 3 + 2 + 1


def test_connecting_an_agent(byname: CommandLine, served: RunningApi) -> None:
    byname.succeed("account create acme --plan pro")
    printed = run(lines(AGENTS, "connecting"), byname, served)
    listed = {tool["name"] for tool in json.loads(printed)["result"]["tools"]}
    assert {"create_alias", "list_mailboxes", "list_domains", "explain_recipient"} <= listed
    assert not listed & {"create_mailbox", "create_domain", "create_token", "send_message"}


def test_what_agents_are_told() -> None:
    text = AGENTS.read_text()
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", text))
    assert {name for name in named if name in TOOLS} >= {"bulk_aliases", "recheck_dns", "delete_mailbox"}
    known = {*TOOLS, *COURSES, KEY, CONFIRM, "next_page", "next_tool", "written_by_others", "base_url"}
    assert named <= known | {"allowed_origins", "allowed_hosts", "can_send", "delivered_to"}
    for kind in KINDS:
        assert f"`{kind.uri}`" in text
    assert {tool.answered_by for tool in TOOLS.values()} | {tool.operation for tool in TOOLS.values()} <= set(
        operations_by_name()
    )
    offered = {tool.operation for tool in TOOLS.values()}
    assert (offered | set(LEFT_OUT), offered & set(LEFT_OUT)) == (set(operations_by_name()), set())


BRANDS = (
    "account create a --plan pro",
    "domain add brand-a.com --account a --verified",
    "domain add brand-b.com --account a --verified",
    "mailbox add john@brand-a.com --generate-password",
)


def test_password_managers(byname: CommandLine, served: RunningApi) -> None:
    byname.succeed(*BRANDS)
    printed = run(lines(ALIASES, "password managers"), byname, served)
    assert re.search(r'"email": "[0-9a-f-]{36}@brand-a.com", "active": true, "description": "Website: shop', printed)
    assert re.search(r'"alias": "[a-z]+-[a-z]+-\d{4}@brand-a.com"', printed)
    assert printed.count("@brand-a.com") >= 5


def test_until_when(byname: CommandLine, served: RunningApi) -> None:
    byname.succeed(*BRANDS, "alias add sales@brand-b.com john@brand-a.com")
    printed = run(lines(ALIASES, "until when"), byname, served)
    assert "2099-01-31" in printed
    assert re.search(r"sales@brand-b.com +john@brand-a.com .* - +-\s*$", printed)


# What the programs of those who move answer, in place of the programs.
_THERE = """\
mysqldump() { cat <<'END'
CREATE TABLE `alias` (`address` varchar(255), `goto` text, `active` tinyint(1));
INSERT INTO `alias` VALUES ('sales@brand-a.com','john@brand-a.com',1),
('all@brand-a.com','john@brand-a.com,x@y.example',1);
END
}
curl() { echo '[{"address": "cow@brand-b.com", "goto": "john@brand-a.com", "active": 1}]'; }
KEY=x
printf 'alias,note,enabled,mailboxes\\nshop@brand-b.com,,True,me@elsewhere.example\\n' > aliases.csv
"""


def test_moving(byname: CommandLine, served: RunningApi) -> None:
    byname.succeed(*BRANDS)
    script = (
        lines(MIGRATE, "moving")
        .replace("|| true", "2> refused || true")
        .replace("--dry-run", "--dry-run 2> tried || true")
    )
    printed = run(_THERE + script, byname, served)
    assert printed.count("several-targets") == 2
    assert printed.count("1 created, 0 updated, 0 unchanged") == 4
    assert {"sales@brand-a.com", "cow@brand-b.com", "shop@brand-b.com"} <= set(byname("alias", "list").out.split())


def test_every_reason_stands_on_a_page() -> None:
    told = MIGRATE.read_text() + (ROOT / "docs" / "import.md").read_text()
    assert [code for code in LINE_CODES if f"`{code}`" not in told] == []


def test_the_codes() -> None:
    rows = re.findall(r"^\| (\d+) \| `([a-z-]+)` \| (yes)? ?\| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    expected = sorted((status, code, code in RETRYABLE, TITLES[code]) for code, status in STATUS.items())
    assert [(int(status), code, bool(again), says) for status, code, again, says in rows] == expected


def test_the_scopes_and_limits() -> None:
    text = PAGE.read_text()
    for scope in {scope for scopes in SCOPES.values() for scope in scopes}:
        assert f"`{scope}`" in text
    for limit in (LARGEST_BODY, LARGEST_UPLOAD, MOST_LINES, MOST_ITEMS):
        assert f"{limit:,}" in text
    api = ApiSettings()
    assert f"{api.rate} a second, {api.burst} at once" in text
    assert f"`{api.listen}`" in text


def test_the_paths(served: RunningApi) -> None:
    rows = re.findall(r"^\| (`/[^|]+) \| ([A-Z, ]+) \|", PAGE.read_text(), re.MULTILINE)
    listed = {
        (path if path in {"/healthz", "/readyz", "/metrics"} else f"/api/v1{path}", method.lower())
        for paths, methods in rows
        for path in re.findall(r"`([^`]+)`", paths)
        for method in methods.split(", ")
    }
    described = httpx.get(f"{served.url}/api/v1/openapi.json").json()["paths"]
    assert listed == {(path, method) for path, operations in described.items() for method in operations}
