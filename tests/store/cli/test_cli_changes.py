"""``byname account, domain, mailbox, alias``: what each command changes and says, and every refusal with its code."""

import json
import re
import sqlite3

import pytest

from store.passwords import verify
from tests.store.cli.command_line import CommandLine

# command, the members of the object it shows
CHANGES = [
    ("account create new --plan pro", {"name": "new", "plan": "pro", "is_trial": False, "is_active": True}),
    ("account create try --plan agency --trial", {"is_trial": True, "limits": {"aliases_per_mailbox": 5}}),
    ("account set acme --plan agency", {"plan": "agency", "limits": {"aliases_per_mailbox": 100}}),
    ("account set acme --remember-senders-days 30", {"remember_senders_days": 30}),
    ("account set acme --suspend", {"is_active": False}),
    ("account set acme --resume", {"is_active": True}),
    ("domain add third.test --account acme", {"name": "third.test", "status": "pending_dns", "verified_at": None}),
    ("domain add b\u00fccher.test --account acme --verified", {"name": "xn--bcher-kva.test", "status": "active"}),
    (
        "domain set brand-a.test --catch-all mary@brand-a.test",
        {"catch_all": {"enabled": True, "destination": "mary@brand-a.test"}},
    ),
    ("domain set brand-a.test --inactive", {"is_active": False, "status": "suspended"}),
    ("domain set brand-a.test --active", {"is_active": True, "status": "active"}),
    ("domain set brand-a.test --system mary@brand-a.test", {"system_mailbox": "mary@brand-a.test"}),
    ("domain remove pending.test", {"name": "pending.test"}),
    ("domain remove brand-b.test --yes", {"name": "brand-b.test"}),
    ("mailbox set john@brand-a.test --pause", {"address": "john@brand-a.test", "is_active": False}),
    ("mailbox set john@brand-a.test --resume", {"is_active": True}),
    (
        "alias add hi@brand-a.test john@brand-a.test",
        {"address": "hi@brand-a.test", "can_receive": True, "can_send": False, "is_active": True},
    ),
    ("alias add out@brand-b.test mary@brand-a.test --send --no-receive", {"can_receive": False, "can_send": True}),
    (
        "alias add fair@brand-b.test mary@brand-a.test --expires-at 2099-01-31T12:00:00Z --expires-after 9",
        {"expires_at": "2099-01-31T12:00:00Z", "expires_after": 9, "expires_when_idle": None, "expired": False},
    ),
    (
        "alias set sales@brand-b.test --expires-at never --expires-when-idle 90",
        {"expires_at": None, "expires_after": None, "expires_when_idle": 90},
    ),
    ("alias set sales@brand-b.test --disable", {"is_active": False, "can_send": True, "can_receive": True}),
    ("alias set sales@brand-b.test --enable", {"is_active": True}),
    ("alias set sales@brand-b.test --no-send", {"can_send": False}),
    ("alias set info@brand-a.test --send --no-receive", {"can_send": True, "can_receive": False}),
    ("alias set info@brand-a.test --receive", {"can_receive": True}),
    ("alias remove info@brand-a.test", {"address": "info@brand-a.test"}),
]


@pytest.mark.parametrize(("command", "shown"), CHANGES)
def test_change(byname: CommandLine, command: str, shown: dict[str, object]) -> None:
    finished = byname(*command.split(), "--json")
    assert (finished.code, finished.err) == (0, "")
    assert finished.data == finished.data | shown


# command, code, a word of the message
REFUSALS = [
    ("account create acme --plan pro", "conflict", "of that name already"),
    ("account set nobody --plan pro", "not-found", "account"),
    ("domain add brand-a.test --account rival --verified", "domain-taken", "brand-a.test"),
    ("domain add not_a_domain --account acme", "invalid-domain", "not_a_domain"),
    ("domain add x.test --account nobody", "not-found", "account"),
    ("domain set other.test --inactive", "not-found", "other.test"),
    ("domain set brand-a.test --catch-all nobody@brand-a.test", "destination-not-a-mailbox", "nobody@brand-a.test"),
    ("domain set brand-a.test --catch-all sales@brand-b.test", "destination-not-a-mailbox", "sales@brand-b.test"),
    ("domain set brand-a.test --catch-all eve@rival.test", "destination-not-a-mailbox", "eve@rival.test"),
    ("domain set pending.test --catch-all john@brand-a.test", "domain-not-active", "pending.test"),
    ("domain remove brand-a.test", "domain-not-empty", "brand-a.test"),
    ("domain remove other.test", "not-found", "other.test"),
    ("mailbox add John@brand-a.test --generate-password", "invalid-local-part", "lower case"),
    ("mailbox add john@brand-a.test --generate-password", "address-taken", "john@brand-a.test"),
    ("mailbox add sales@brand-b.test --generate-password", "address-taken", "sales@brand-b.test"),
    ("mailbox add postmaster@brand-a.test --generate-password", "address-reserved", "postmaster"),
    ("mailbox add x@pending.test --generate-password", "domain-not-active", "pending.test"),
    ("mailbox add x@other.test --generate-password", "domain-not-yours", "other.test"),
    ("mailbox add brand-a.test --generate-password", "invalid-request", "brand-a.test"),
    ("mailbox set nobody@brand-a.test --pause", "not-found", "nobody@brand-a.test"),
    ("mailbox remove nobody@brand-a.test --yes", "not-found", "nobody@brand-a.test"),
    ("mailbox remove nobody@brand-a.test", "not-found", "nobody@brand-a.test"),
    ("mailbox remove john@brand-a.test", "confirmation-required", "2 aliases"),
    ("alias add info@brand-a.test mary@brand-a.test", "address-taken", "info@brand-a.test"),
    ("alias add mary@brand-a.test john@brand-a.test", "address-taken", "mary@brand-a.test"),
    ("alias add abuse@brand-a.test john@brand-a.test", "address-reserved", "abuse"),
    ("alias add .x@brand-a.test john@brand-a.test", "invalid-local-part", "dot"),
    ("alias add a+b@brand-a.test john@brand-a.test", "invalid-local-part", "'+'"),
    (f"alias add {'a' * 65}@brand-a.test john@brand-a.test", "invalid-local-part", "64"),
    ("alias add x@rival.test john@brand-a.test", "domain-not-yours", "rival.test"),
    ("alias add x@nowhere.test john@brand-a.test", "domain-not-yours", "nowhere.test"),
    ("alias add x@pending.test john@brand-a.test", "domain-not-active", "pending.test"),
    ("alias add x@brand-a.test nobody@brand-a.test", "not-found", "nobody@brand-a.test"),
    ("alias add x@brand-a.test info@brand-a.test", "not-found", "info@brand-a.test"),
    ("alias add x@rival.test eve@rival.test", "feature-not-available", "nano"),
    ("alias set nobody@brand-a.test --send", "not-found", "nobody@brand-a.test"),
    ("alias set john@brand-a.test --send", "not-found", "john@brand-a.test"),
    ("alias remove nobody@brand-a.test", "not-found", "nobody@brand-a.test"),
    ("alias list nobody@brand-a.test", "not-found", "nobody@brand-a.test"),
]


@pytest.mark.parametrize(("command", "code", "word"), REFUSALS)
def test_refusal(byname: CommandLine, command: str, code: str, word: str) -> None:
    before = byname.state()
    finished = byname(*command.split())
    assert (finished.code, finished.out) == (65, "")
    first, *hints = finished.err.splitlines()
    assert first.startswith(f"byname: {code}: ")
    assert word in first
    assert all(line.startswith("byname: hint: ") for line in hints)
    as_json = byname(*command.split(), "--json")
    assert (as_json.code, as_json.out, as_json.error["code"]) == (65, "", code)
    assert byname.state() == before


USAGE = [
    "account create x",
    "account create x --plan gold",
    "account set acme",
    "domain set brand-a.test",
    "domain set brand-a.test --catch-all john@brand-a.test --no-catch-all",
    "domain add x.test",
    "mailbox add x@brand-a.test",
    "mailbox add x@brand-a.test --password-stdin --generate-password",
    "mailbox set john@brand-a.test",
    "mailbox set john@brand-a.test --rename x",
    "alias set sales@brand-b.test",
    "alias add x@brand-a.test",
    "alias",
    "explain",
    "explain john@brand-a.test --login john@brand-a.test",
    "explain --login john@brand-a.test",
    "explain --from john@brand-a.test",
    "milter",
    "milter --role elsewhere",
    "config show -n -d",
    "account set \udcff --paid",
    "domain add x.test --account \udcff",
    "nonsense",
    "--nonsense",
]


@pytest.mark.parametrize("command", USAGE)
def test_wrong_usage(byname: CommandLine, command: str) -> None:
    finished = byname(*command.split())
    assert finished.code == 2
    assert "Usage: byname" in finished.out + finished.err
    assert "Traceback" not in finished.err


def test_limit_of_the_plan_tells_the_figures_and_the_way_out(byname: CommandLine) -> None:
    byname.succeed(*(f"alias add n{index}@brand-a.test john@brand-a.test" for index in range(28)))
    finished = byname("alias", "add", "last@brand-a.test", "john@brand-a.test", "--json")
    assert finished.code == 65
    assert finished.error["code"] == "alias-limit-reached"
    assert finished.error["details"] == {"used": 30, "limit": 30, "plan": "starter", "upgrade_to": "pro"}
    assert "pro" in finished.error["hint"]


def test_trial_limit_ends_with_the_first_payment(byname: CommandLine) -> None:
    byname.succeed(
        "account create try --plan pro --trial",
        "domain add try.test --account try --verified",
        "mailbox add t@try.test --generate-password",
        *(f"alias add n{index}@try.test t@try.test" for index in range(5)),
    )
    refused = byname("alias", "add", "n5@try.test", "t@try.test", "--json")
    assert (refused.code, refused.error["code"]) == (65, "trial-limit-reached")
    byname.succeed("account set try --paid", "alias add n5@try.test t@try.test")


def test_generated_password_stands_alone_and_once(byname: CommandLine) -> None:
    plain = byname("mailbox", "add", "a@brand-a.test", "--generate-password")
    assert (plain.code, plain.err) == (0, "")
    assert len(plain.out.split()) == 1
    as_json = byname("mailbox", "add", "b@brand-a.test", "--generate-password", "--json")
    assert as_json.data["address"] == "b@brand-a.test"
    assert as_json.data["password"] not in json.dumps(byname.state())
    assert stored_password_accepts(byname, "a", plain.out.strip())
    assert stored_password_accepts(byname, "b", as_json.data["password"])


@pytest.mark.parametrize(
    ("stdin", "password"),
    [
        (b"correct horse\n", "correct horse"),
        (b"correct horse", "correct horse"),
        (b"correct horse\r\nsecond line\n", "correct horse"),
        ("p\u00e4ssw\u00f6rd\n".encode(), "p\u00e4ssw\u00f6rd"),
        (b"  with blanks  \n", "  with blanks  "),
    ],
)
def test_password_from_stdin(byname: CommandLine, stdin: bytes, password: str) -> None:
    finished = byname("mailbox", "add", "a@brand-a.test", "--password-stdin", stdin=stdin)
    assert finished.code == 0
    assert password not in finished.out + finished.err
    assert stored_password_accepts(byname, "a", password)


@pytest.mark.parametrize(
    "stdin", [b"", b"\n", b"short\n", b"\xff\xfe bytes\n", b"x" * 2000 + b"\n", b"with\ttab and\x07\n"]
)
def test_bad_password_from_stdin(byname: CommandLine, stdin: bytes) -> None:
    before = byname.state()
    finished = byname("mailbox", "add", "a@brand-a.test", "--password-stdin", stdin=stdin)
    assert (finished.code, finished.out) == (65, "")
    assert finished.err.startswith("byname: invalid-request: ")
    assert stdin.decode("latin-1").strip() not in finished.err or not stdin.strip()
    assert byname.state() == before


def test_removing_a_mailbox_says_what_went_with_it(byname: CommandLine) -> None:
    finished = byname("mailbox", "remove", "john@brand-a.test", "--yes")
    assert finished.code == 0
    assert sorted(finished.out.splitlines()) == [
        "removed alias info@brand-a.test",
        "removed alias sales@brand-b.test",
        "removed mailbox john@brand-a.test",
    ]
    byname.succeed("mailbox add sales@brand-b.test --generate-password")  # the name is free


def test_unconfirmed_removal_names_the_aliases_for_scripts(byname: CommandLine) -> None:
    error = byname("mailbox", "remove", "john@brand-a.test", "--json").error
    assert sorted(error["details"]["aliases"]) == ["info@brand-a.test", "sales@brand-b.test"]
    assert error["hint"] == "say --yes to remove them without a question"


def test_lists_in_a_pipe_are_aligned_columns(byname: CommandLine) -> None:
    out = byname("alias", "list").out
    assert [line.split() for line in out.splitlines()] == [
        ["ALIAS", "MAILBOX", "ACTIVE", "RECEIVE", "SEND", "ENDS", "NOTE", "SENDERS"],
        ["info@brand-a.test", "john@brand-a.test", "yes", "yes", "no", "-", "-", "-"],
        ["sales@brand-b.test", "john@brand-a.test", "yes", "yes", "yes", "-", "-", "-"],
    ]
    assert "\x1b" not in out


def test_list_of_one_mailbox_tells_usage(byname: CommandLine) -> None:
    assert byname("alias", "list", "john@brand-a.test").out.splitlines()[-1] == "2 of 30 aliases used"
    found = byname("alias", "list", "john@brand-a.test", "--json").data
    assert found["usage"] == {"used": 2, "limit": 30}
    assert [alias["address"] for alias in found["data"]] == ["info@brand-a.test", "sales@brand-b.test"]


@pytest.mark.parametrize(
    ("noun", "member", "values"),
    [
        ("account", "name", ["acme", "rival"]),
        ("domain", "name", ["brand-a.test", "brand-b.test", "pending.test", "rival.test"]),
        ("mailbox", "address", ["eve@rival.test", "john@brand-a.test", "mary@brand-a.test"]),
        ("alias", "address", ["info@brand-a.test", "sales@brand-b.test"]),
    ],
)
def test_lists_as_json(byname: CommandLine, noun: str, member: str, values: list[str]) -> None:
    assert sorted(row[member] for row in byname(noun, "list", "--json").data["data"]) == values
    for value in values:
        assert value in byname(noun, "list").out


def test_times_are_utc_with_z(byname: CommandLine) -> None:
    rows = byname("alias", "list", "--json").data["data"]
    assert rows
    for row in rows:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", row["created_at"])
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ ", byname("audit").out, re.MULTILINE)


def test_site_names_come_from_the_settings(byname: CommandLine) -> None:
    byname.configure('routing.system_addresses = ["postmaster", "security"]')
    assert byname("alias", "add", "security@brand-a.test", "john@brand-a.test").err.startswith(
        "byname: address-reserved"
    )
    byname.succeed("alias add abuse@brand-a.test john@brand-a.test")


def stored_password_accepts(byname: CommandLine, local_part: str, password: str) -> bool:
    with sqlite3.connect(byname.database) as connection:
        (stored,) = connection.execute(
            "SELECT password_hash FROM mailboxes JOIN addresses USING (id) WHERE local_part = ?", [local_part]
        ).fetchone()
    return verify(password, stored)


def test_deleted_names_that_are_kept(byname: CommandLine) -> None:
    byname.succeed("account set acme --keep-deleted-days 30", "alias remove info@brand-a.test")
    refused = byname("alias", "add", "info@brand-a.test", "mary@brand-a.test", "--json")
    assert (refused.code, refused.error["code"]) == (65, "address-kept")
    assert "byname alias free info@brand-a.test" in refused.error["hint"]
    (kept,) = byname("alias", "kept", "--account", "acme", "--json").data["data"]
    assert (kept["address"], kept["mailbox"]) == ("info@brand-a.test", "john@brand-a.test")
    assert byname("alias", "kept", "--account", "rival", "--json").data == {"data": []}
    assert byname("alias", "kept").out.split()[:2] == ["ADDRESS", "WAS"]
    assert byname("alias", "kept", "--account", "nobody", "--json").error["code"] == "not-found"
    assert byname("alias", "free", "info@brand-a.test", "--json").data["address"] == "info@brand-a.test"
    assert byname("alias", "free", "info@brand-a.test", "--json").error["code"] == "not-found"
    byname.succeed("alias add info@brand-a.test mary@brand-a.test")
    wrong = byname("account", "set", "acme", "--keep-deleted-days", "3651", "--json")
    assert (wrong.code, wrong.error["field"]) == (65, "keep_deleted_days")
