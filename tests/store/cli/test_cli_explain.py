"""``byname explain``: verdict, rule, reply and exit code, in words and as JSON."""

from pathlib import Path

import pytest

from tests.store.cli.command_line import SAMPLE, CommandLine

STATES = (
    "alias add off@brand-a.test john@brand-a.test --send",
    "alias set off@brand-a.test --disable",
    "alias add deaf@brand-a.test john@brand-a.test --send --no-receive",
    "domain set brand-a.test --catch-all mary@brand-a.test",
    "domain add off.test --account acme --verified",
    "domain set off.test --inactive",
    "account create late --plan starter",
    "domain add late.test --account late --verified",
    "mailbox add carl@late.test --generate-password",
    "account set late --suspend",
)


@pytest.fixture(scope="module")
def byname(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    command_line = CommandLine(tmp_path_factory.mktemp("site"))
    command_line.succeed(*SAMPLE, *STATES)
    return command_line


# address, exit code, verdict, rule, reply, mailbox, Delivered-To
RECIPIENTS = [
    ("john@brand-a.test", 0, "deliver", "mailbox", None, "john@brand-a.test", None),
    ("sales@brand-b.test", 0, "deliver", "alias", None, "john@brand-a.test", "sales@brand-b.test"),
    ("<SALES+x@Brand-B.test.>", 0, "deliver", "alias", None, "john+x@brand-a.test", "sales+x@brand-b.test"),
    ("any@brand-a.test", 0, "deliver", "catch-all", None, "mary@brand-a.test", "any@brand-a.test"),
    ("postmaster@brand-a.test", 0, "deliver", "postmaster", None, "john@brand-a.test", "postmaster@brand-a.test"),
    ("off@brand-a.test", 1, "reject", "alias-disabled", "550 5.1.1", None, None),
    ("deaf@brand-a.test", 1, "reject", "alias-receive-off", "550 5.1.1", None, None),
    ("nobody@brand-b.test", 1, "reject", "unknown", "550 5.1.1", None, None),
    ("x@off.test", 1, "reject", "domain-off", "550 5.7.1", None, None),
    ('"open@brand-a.test', 1, "reject", "bad-syntax", "501 5.1.3", None, None),
    ("x@elsewhere.test", 3, "not-ours", "not-hosted", None, None, None),
    ("x@pending.test", 3, "not-ours", "not-hosted", None, None, None),
    ("no-at-sign", 3, "not-ours", "no-domain", None, None, None),
    ("carl@late.test", 75, "defer", "account-suspended", "451 4.7.1", None, None),
]


@pytest.mark.parametrize(("address", "code", "verdict", "rule", "reply", "mailbox", "delivered_to"), RECIPIENTS)
def test_recipient(
    byname: CommandLine,
    address: str,
    code: int,
    verdict: str,
    rule: str,
    reply: str | None,
    mailbox: str | None,
    delivered_to: str | None,
) -> None:
    finished = byname("explain", address, "--json")
    found = finished.data
    assert finished.code == code
    assert (found["verdict"], found["rule"], found["mailbox"]) == (verdict, rule, mailbox)
    assert found["delivered_to"] == delivered_to
    assert (found["reply"] and f"{found['reply']['code']} {found['reply']['enhanced']}") == reply
    assert (found["cache"], found["sql"], found["agree"]) == (None, verdict, None)


# login, sender, exit code, rule, reply
SENDERS = [
    ("john@brand-a.test", "john@brand-a.test", 0, "owned", None),
    ("JOHN@brand-a.test", "sales+x@brand-b.test", 0, "owned", None),
    ("john@brand-a.test", "info@brand-a.test", 1, "cannot-send-as", "553 5.7.1"),
    ("john@brand-a.test", "off@brand-a.test", 1, "sender-disabled", "553 5.7.1"),
    ("john@brand-a.test", "mary@brand-a.test", 1, "sender-not-owned", "553 5.7.1"),
    ("john@brand-a.test", "eve@rival.test", 1, "sender-not-owned", "553 5.7.1"),
    ("sales@brand-b.test", "sales@brand-b.test", 1, "login-unknown", "550 5.7.1"),
    ("john", "john@brand-a.test", 1, "login-malformed", "550 5.7.1"),
    ("carl@late.test", "carl@late.test", 1, "login-suspended", "550 5.7.1"),
    ("john@brand-a.test", "<>", 1, "sender-not-owned", "553 5.7.1"),
    ("john@brand-a.test", "<x@brand-a.test", 1, "bad-syntax", "501 5.1.7"),
]


@pytest.mark.parametrize(("login", "sender", "code", "rule", "reply"), SENDERS)
def test_sender(byname: CommandLine, login: str, sender: str, code: int, rule: str, reply: str | None) -> None:
    finished = byname("explain", "--login", login, "--from", sender, "--json")
    found = finished.data
    assert (finished.code, found["rule"]) == (code, rule)
    assert (found["reply"] and f"{found['reply']['code']} {found['reply']['enhanced']}") == reply


# header, exit code
MESSAGES = [
    (b"From: John <john@brand-a.test>\r\nTo: x@y.test\r\n\r\nFrom: eve@rival.test\r\n", 0),
    (b"From: Sales\n <sales@brand-b.test>\n\nbody", 0),
    (b"From: eve@rival.test\n\n", 1),
    (b"From: john@brand-a.test\nFrom: john@brand-a.test\n\n", 1),
    (b"From: john@brand-a.test\nSender: eve@rival.test\n\n", 1),
    (b"From: info@brand-a.test\n\n", 1),
    (b"To: x@y.test\n\n", 1),
    (b"not a header\nFrom: john@brand-a.test\n\n", 1),
    (b"", 1),
]


@pytest.mark.parametrize(("raw", "code"), MESSAGES)
def test_message(byname: CommandLine, tmp_path: Path, raw: bytes, code: int) -> None:
    (tmp_path / "message.eml").write_bytes(raw)
    file = byname("explain", "--login", "john@brand-a.test", "--message", str(tmp_path / "message.eml"), "--json")
    stdin = byname("explain", "--login", "john@brand-a.test", "--message", "-", "--json", stdin=raw)
    assert (file.code, stdin.code) == (code, code)
    assert file.data == stdin.data
    assert (file.data["reply"] is None) == (code == 0)


def test_missing_message_file(byname: CommandLine, tmp_path: Path) -> None:
    finished = byname("explain", "--login", "john@brand-a.test", "--message", str(tmp_path / "none.eml"))
    assert (finished.code, finished.out) == (75, "")
    assert finished.err == f"byname: system-error: {tmp_path / 'none.eml'}: No such file or directory\n"


def test_words_tell_each_step_the_rule_and_the_reply(byname: CommandLine) -> None:
    out = byname("explain", "off@brand-a.test").out
    lines = dict(line.split("  ", 1) for line in out.splitlines())
    assert [line for line in lines if line.startswith("looked up domain brand-a.test")]
    assert "alias of mailbox john@brand-a.test" in out
    assert lines["rule"].strip() == "alias-disabled"
    assert lines["verdict"].strip() == "reject"
    assert lines["reply"].strip() == "550 5.1.1 <off@brand-a.test>: user unknown"


def test_only_the_look_ups_that_mattered(byname: CommandLine) -> None:
    def looked_up(*options: str) -> list[str]:
        lines = byname("explain", "sales@brand-b.test", *options).out.splitlines()
        return [" ".join(line.split()[2:4]) for line in lines if line.startswith("looked up ")]

    mattered = ["domain brand-b.test", "name sales@brand-b.test"]
    assert looked_up() == mattered
    assert looked_up("--verbose") == looked_up("-v") == [*mattered, "catch-all of", "system mailbox", "oldest mailbox"]
    steps = byname("explain", "sales@brand-b.test", "--json").data["steps"]
    assert [step["looked_up"] for step in steps if step["mattered"]] == mattered
    assert len(steps) == 5


def test_without_a_cache_a_missing_database_is_an_error(byname: CommandLine, tmp_path: Path) -> None:
    elsewhere = CommandLine(tmp_path)
    finished = elsewhere("explain", "sales@brand-b.test", "--json")
    assert (finished.code, finished.out, finished.error["code"]) == (78, "", "store-not-ready")


def test_words_for_a_delivery(byname: CommandLine) -> None:
    lines = byname("explain", "sales@brand-b.test").out.splitlines()
    assert [line.split(maxsplit=1) for line in lines[-4:]] == [
        ["verdict", "deliver"],
        ["reply", "250, the mail server's own"],
        ["mailbox", "john@brand-a.test"],
        ["Delivered-To", "sales@brand-b.test"],
    ]


def test_nothing_that_was_typed_steers_the_terminal(byname: CommandLine) -> None:
    out = byname("explain", "x\u202e@el\u200bsewhere\u0301").out
    assert "x\\u202e@el\\u200bsewhere" in out
    assert all(line.isprintable() for line in out.splitlines())


def test_default_domain_completes_a_bare_login(tmp_path: Path) -> None:
    byname = CommandLine(tmp_path)
    byname.succeed(*SAMPLE)
    byname.configure('senders.default_domain = "brand-a.test"')
    assert byname("explain", "--login", "john", "--from", "sales@brand-b.test").code == 0
