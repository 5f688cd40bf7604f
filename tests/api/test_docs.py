"""What docs/api.md and the README say about the API: every curl line is run, and every table held against the code."""

import json
import re
import shlex
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
from tests.forking.shell import run_lines
from tests.store.cli.command_line import CommandLine

ROOT = Path(__file__).parents[2]
PAGE, MESSAGES, README = ROOT / "docs" / "api.md", ROOT / "docs" / "messages.md", ROOT / "README.md"
AGENTS = ROOT / "docs" / "mcp.md"


ALIASES, MIGRATE, SENDERS, WHY = (ROOT / "docs" / f"{name}.md" for name in ("aliases", "migrate", "senders", "why"))

# The lines are run as they stand, but for the place of the server, who runs ``byname`` and with which settings.
_PREAMBLE = """\
runuser() { shift 3; "$@"; }
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
    done = run_lines(there, folder=byname.folder, config=byname.config, preamble=_PREAMBLE)
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


def test_senders(byname: CommandLine, served: RunningApi) -> None:
    byname.succeed(
        "account create acme --plan starter",
        "domain add brand-a.com --account acme --verified",
        "domain add brand-b.com --account acme --verified",
        "mailbox add john@brand-a.com --generate-password",
        "alias add sales@brand-b.com john@brand-a.com",
    )
    printed = run(lines(SENDERS, "senders"), byname, served)
    assert "550 5.7.1 <sales@brand-b.com>: this address does not accept mail from you" in printed
    assert '"entries":["spam.example","bob@work.example"]' in printed.replace(" ", "")
    assert "except spam.example news@shop.example" in printed


# part of the page on aliases: what stands in what its lines print, errors included
ALIAS_PARTS = {
    "switching": ("sales@brand-b.com", "deliver", "press@brand-a.com", "cannot-send-as"),
    "from whom": ("listed shop.example", "except .spam.example", "except .spam.example news@shop.example", "-"),
    "after deletion": ("name-kept", "address-kept: once@brand-b.com was deleted and is kept", "KEPT UNTIL"),
    "bringing in": ("0 created, 0 updated, 1 unchanged, 0 failed (a dry run: nothing was kept)",),
}


def here(byname: CommandLine, line: str) -> str:
    """Run a line of ``byname`` in this process, in the folder of the site; a start of its own takes long.

    Returns:
        What it printed, errors included. Without ``|| true`` behind it, it must have gone well.
    """
    command, _, may_fail = line.partition(" || ")
    arguments, _, into = command.partition(" > ")
    done = byname(*shlex.split(arguments)[1:])
    assert may_fail or done.code == 0, (line, done)
    if into:
        (byname.folder / into).write_text(done.out)
    return done.out + done.err


@pytest.mark.parametrize("part", ALIAS_PARTS)
def test_all_about_aliases(byname: CommandLine, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    monkeypatch.chdir(byname.folder)
    more = () if part == "switching" else ("alias add sales@brand-b.com john@brand-a.com",)
    byname.succeed(*BRANDS, "mailbox add mary@brand-a.com --generate-password", *more)
    printed = "".join(here(byname, line) for line in lines(ALIASES, part).strip().splitlines())
    for told in ALIAS_PARTS[part]:
        assert told in printed, (told, printed)


def test_the_page_on_aliases_has_no_other_lines() -> None:
    assert set(re.findall(r"<!-- (.+): a test runs", ALIASES.read_text())) == {
        *ALIAS_PARTS,
        "who writes",
        "until when",
        "password managers",
    }


# words of a line of docs/why.md: what its command prints. That of the demo is run by tests/mail/test_demo.py.
WHY_SHOWN = {
    "The reason for every answer": "deliver",
    "Without fresh evidence": "451 4.3.0",
    "A login sends": "sender-not-owned",
    "And so does the header": "550 5.7.1",
    "The answer to a change": "byname-propagation: live",
    "Who writes": "0 accepted, 0 refused",
    "Until when": "2999-01-31",
    "From whom": "except .spam.example",
    "One step": "news@shop.example",
    "After deletion": "ACCOUNT",
    "Made for you": '"email": ',
    "Moving in": "several-targets",
    "Rules that sort": "Sales",
    "Agents": '"create_alias"',
}


def test_what_is_here_and_nowhere_else(
    byname: CommandLine, served: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(byname.folder)
    Path("two-authors.eml").write_text(
        "From: john@brand-a.com, mary@brand-a.com\nSender: john@brand-a.com\nSubject: x\n\nx\n"
    )
    Path("virtual").write_text("info@brand-a.com john@brand-a.com, mary@brand-a.com\n")
    for line in [line[4:] for line in WHY.read_text().splitlines() if line.startswith("    ")]:
        name, _, value = line.rpartition("=") if line.startswith("API") else line.partition("=")
        if name.isupper():
            made = here(byname, value[2:-1]).strip() if value.startswith("$(") else served.url
            monkeypatch.setenv(name, made)
        else:
            here(byname, line)
    rows = re.findall(r"^\| (.+) \| `(.+)` \|$", WHY.read_text(), re.MULTILINE)
    assert [row for row in rows if not row[1].startswith(("byname ", "BYNAME", "curl "))] == rows[:1]
    assert rows[0][1] == "make demo ARGS=--once"
    assert len(rows) - 1 == len(WHY_SHOWN)
    for words, command in rows[1:]:
        (told,) = [shown for begins, shown in WHY_SHOWN.items() if words.startswith(begins)]
        answer = run(command, byname, served) if command.startswith("curl ") else as_shown(byname, command, monkeypatch)
        assert told in answer, (command, answer)


def as_shown(byname: CommandLine, command: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a command whose first word may set a variable; what it says of a refusal is what it shows."""
    first, _, rest = command.partition(" ")
    with monkeypatch.context() as patch:
        if "=" in first:
            patch.setenv(*first.split("=", 1))
            command = rest
        return here(byname, f"{command} || true")


def test_who_writes(byname: CommandLine, served: RunningApi) -> None:
    byname.succeed(*BRANDS, "alias add sales@brand-b.com john@brand-a.com")
    printed = run(lines(ALIASES, "who writes"), byname, served)
    assert "0 accepted, 0 refused in 7 days" in printed
    assert '"refused_by_rule":{},"last_mail_at":null' in printed
    assert '"remember_senders_days":30' in printed
    assert '"remember_senders_days":0' in printed


def test_until_when(byname: CommandLine, served: RunningApi) -> None:
    byname.succeed(*BRANDS, "alias add sales@brand-b.com john@brand-a.com")
    printed = run(lines(ALIASES, "until when"), byname, served)
    assert "2099-01-31" in printed
    assert re.search(r"sales@brand-b.com +john@brand-a.com .* - +- +-\s*$", printed)


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
