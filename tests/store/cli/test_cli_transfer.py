"""``byname import`` and ``byname export``."""

import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.cli.command_line import CommandLine

HEADER = "address,mailbox,can_receive,can_send,is_active,note\n"
JOHN = "john@brand-a.test"
FILE = f"""{HEADER}one@brand-a.test,{JOHN},,,,
Two@brand-a.test,{JOHN},,,,
info@brand-a.test,{JOHN},true,false,true,
sales@brand-b.test,{JOHN},,false,,new
"""
VIRTUAL = f"""# from Postfix
brand-b.test  x
new@brand-b.test  {JOHN}
@brand-b.test  mary@brand-a.test
both@brand-b.test  {JOHN} mary@brand-a.test
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "aliases.csv"
    path.write_text(FILE)
    return str(path)


def test_import_tells_what_was_refused(byname: CommandLine, file: str) -> None:
    done = byname("import", file)
    assert done.code == 65
    heading, refused, counts = done.out.splitlines()
    assert heading.split() == ["LINE", "ADDRESS", "CODE", "WHY"]
    assert refused.split()[:3] == ["3", "Two@brand-a.test", "invalid-local-part"]
    assert counts == "1 created, 1 updated, 1 unchanged, 1 failed"
    assert done.err == "byname: invalid-request: 1 lines were refused\n"
    assert byname("alias", "list", "--json").data["data"][1]["address"] == "one@brand-a.test"


def test_import_as_json(byname: CommandLine, file: str) -> None:
    done = byname("import", file, "--json")
    assert done.code == 65
    report = done.data["data"]
    assert [line["status"] for line in report["lines"]] == ["created", "failed", "unchanged", "updated"]
    assert (report["failed"], report["dry_run"], report["finished"]) == (1, False, True)


def test_a_dry_run(byname: CommandLine, file: str) -> None:
    before = byname.state()
    done = byname("import", file, "--dry-run")
    assert done.code == 65
    assert done.out.endswith("1 created, 1 updated, 1 unchanged, 1 failed (a dry run: nothing was kept)\n")
    assert byname.state() == before


def test_from_standard_input(byname: CommandLine) -> None:
    done = byname("import", "-", stdin=f"{HEADER}one@brand-a.test,{JOHN},,,,\n".encode())
    assert (done.code, done.out, done.err) == (0, "1 created, 0 updated, 0 unchanged, 0 failed\n", "")


def test_from_postfix(byname: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "virtual"
    path.write_text(VIRTUAL)
    done = byname("import", str(path), "--from", "postfix-virtual")
    assert done.code == 65
    assert "several-targets" in done.out
    assert done.out.endswith("1 created, 1 updated, 1 unchanged, 1 failed\n")
    found = {domain["name"]: domain["catch_all"] for domain in byname("domain", "list", "--json").data["data"]}
    assert found["brand-b.test"] == {"enabled": True, "destination": "mary@brand-a.test"}


def test_many_refused_lines_are_counted(byname: CommandLine) -> None:
    rows = "".join(f"n{number}@nowhere.test,{JOHN},,,,\n" for number in range(60))
    done = byname("import", "-", stdin=(HEADER + rows).encode())
    assert len(done.out.splitlines()) == 1 + 50 + 2
    assert done.out.splitlines()[-2] == "and 10 more; --json shows all"


def test_control_characters_do_not_reach_the_terminal(byname: CommandLine) -> None:
    done = byname("import", "-", stdin=f"{HEADER}\x1b[31mx@brand-a.test,{JOHN},,,,\n".encode())
    assert done.code == 65
    assert "\x1b" not in done.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("import",), 2), (("import", "/nowhere/file"), 2), (("import", "-", "--from", "xml"), 2), (("import", "."), 2)],
)
def test_commands_that_cannot_be(byname: CommandLine, arguments: tuple[str, ...], code: int) -> None:
    done = byname(*arguments)
    assert (done.code, done.out) == (code, "")
    assert "Traceback" not in done.err


def test_export_comes_back_unchanged(byname: CommandLine) -> None:
    byname("import", "-", stdin=f"{HEADER}one@brand-a.test,{JOHN},,,,=für\n".encode())
    command = [sys.executable, "-m", "byname", "--config", str(byname.config), "export"]
    narrow = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "latin-1"}
    out = subprocess.run(command, env=narrow, check=True, capture_output=True).stdout
    assert out.decode().splitlines() == [
        f"{HEADER.strip()},expires_at,expires_after,expires_when_idle,senders",
        f"sales@brand-b.test,{JOHN},true,true,true,,,,,everyone",
        f"info@brand-a.test,{JOHN},true,false,true,,,,,everyone",
        f"one@brand-a.test,{JOHN},true,false,true,'=für,,,,everyone",
    ]
    back = byname("import", "-", stdin=out)
    assert (back.code, back.out) == (0, "0 created, 0 updated, 3 unchanged, 0 failed\n")


def test_the_audit_log_knows_who(byname: CommandLine, file: str) -> None:
    byname("import", file)
    told = subprocess.run(
        [sys.executable, "-c", "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("
         "\"SELECT actor FROM audit_log WHERE name = 'one@brand-a.test'\").fetchall())", str(byname.database)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert "command line (" in told


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_bar_on_a_terminal_only(byname: CommandLine, tmp_path: Path, options: list[str]) -> None:
    rows = "".join(f"n{number}@nowhere.test,{JOHN},,,,\n" for number in range(3000))
    path = tmp_path / "long.csv"
    path.write_text(HEADER + rows)
    ours, theirs = pty.openpty()
    with byname.start("import", str(path), *options, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while piece := _read(ours):
            seen += piece
        process.communicate(timeout=20)
    os.close(ours)
    assert process.returncode == 65
    assert "bringing in aliases" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())
    with byname.start("import", str(path), *options) as process:
        _, err = process.communicate(timeout=20)
    assert err == "byname: invalid-request: 3000 lines were refused\n"


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 10_000)
    except OSError:  # the other end is closed
        return b""


DUMP = f"""CREATE TABLE `alias` (`address` varchar(255), `goto` text, `active` tinyint(1));
INSERT INTO `alias` VALUES ('moved@brand-a.test','{JOHN}',1),('{JOHN}','{JOHN}',1),('out@brand-a.test','a@x.example',1),
('both@brand-a.test','{JOHN},mary@brand-a.test',1),('@brand-b.test','mary@brand-a.test',1),('off@brand-a.test','{JOHN}',0);
INSERT INTO `alias_domain` (`alias_domain`, `target_domain`) VALUES ('brand-c.test','brand-a.test');
INSERT INTO `domain` (`domain`) VALUES ('ALL'), ('brand-a.test'), ('nowhere.test');
"""
MOVED = [
    ("moved@brand-a.test", "created"), (JOHN, "unchanged"), ("out@brand-a.test", "not-found"),
    ("both@brand-a.test", "several-targets"), ("@brand-b.test", "updated"), ("off@brand-a.test", "created"),
    ("@brand-c.test", "alias-domain"), ("brand-a.test", "unchanged"), ("nowhere.test", "domain-not-yours"),
]  # fmt: skip


def moved(byname: CommandLine, *arguments: str) -> list[tuple[str, str]]:
    lines = byname("import", *arguments, "--json").data["data"]["lines"]
    return [(line["address"], line.get("code") or line["status"]) for line in lines]


def test_from_postfixadmin(byname: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_text(DUMP)
    before = byname.state()
    assert moved(byname, str(path), "--from", "postfixadmin", "--dry-run") == MOVED
    assert byname.state() == before
    assert moved(byname, str(path), "--from", "postfixadmin") == MOVED
    assert set(moved(byname, str(path), "--from", "postfixadmin")) & {("moved@brand-a.test", "unchanged")}
    off = next(one for one in byname("alias", "list", "--json").data["data"] if one["address"] == "off@brand-a.test")
    assert off["is_active"] is False


def test_from_a_running_postfixadmin(byname: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "postfixadmin.db"
    with closing(sqlite3.connect(path)) as there:
        there.executescript(
            f"""CREATE TABLE pfa_alias (address TEXT PRIMARY KEY, goto TEXT, active INT);
            INSERT INTO pfa_alias VALUES ('moved@brand-a.test', '{JOHN}', 1), ('two@brand-a.test', 'a@x, b@x', 1);
            CREATE TABLE pfa_domain (domain TEXT PRIMARY KEY); INSERT INTO pfa_domain VALUES ('ALL'), ('brand-a.test');
            CREATE TABLE mailbox (username TEXT, password TEXT);"""
        )
    kept = path.read_bytes()
    url = f"sqlite:///{path}"
    expected = [
        ("moved@brand-a.test", "created"),
        ("two@brand-a.test", "several-targets"),
        ("brand-a.test", "unchanged"),
    ]
    assert moved(byname, url, "--from", "postfixadmin") == expected
    assert path.read_bytes() == kept


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("sqlite:////nowhere/at/all.db", 75, "does not answer"),
        ("postgresql://someone:secret@127.0.0.1:1/none", 75, "does not answer"),
        ("mysql://someone:secret@127.0.0.1:1/none", 78, "needs the Python package pymysql"),
        ("postgresql://someone:secret@127.0.0.1:port/none", 78, "not the URL of a database"),
    ],
)
def test_a_database_that_is_not_there(byname: CommandLine, url: str, code: int, told: str) -> None:
    done = byname("import", url, "--from", "postfixadmin")
    assert (done.code, told in done.err, "secret" in done.err, done.out) == (code, True, False, "")


def test_from_services_for_aliases(byname: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("alias,note,enabled,mailboxes\nshop@brand-a.test,x,True,me@elsewhere.example\n")
    assert moved(byname, str(path), "--from", "simplelogin") == [("shop@brand-a.test", "not-found")]
    assert moved(byname, str(path), "--from", "simplelogin", "--to", JOHN) == [("shop@brand-a.test", "created")]
    path.write_text("email,active,description\nshop@brand-a.test,1,x\nmine@aleeas.example,1,\n")
    assert moved(byname, str(path), "--from", "addy", "--to", JOHN) == [
        ("shop@brand-a.test", "unchanged"), ("mine@aleeas.example", "domain-not-yours"),
    ]  # fmt: skip
    refused = byname("import", str(path), "--from", "mailcow", "--to", JOHN)
    assert (refused.code, "--to is for simplelogin and addy" in refused.err) == (2, True)


def test_from_mailcow(byname: CommandLine) -> None:
    found = [{"address": "cow@brand-a.test", "goto": JOHN, "active": 1, "sender_allowed": 1}]
    done = byname("import", "-", "--from", "mailcow", stdin=json.dumps(found).encode())
    assert (done.code, done.out) == (0, "1 created, 0 updated, 0 unchanged, 0 failed\n")
