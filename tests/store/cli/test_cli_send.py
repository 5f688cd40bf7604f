"""``byname send`` and ``byname message``: the rules of the Message API, as far as the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from byname.exits import ExitCode
from store.sql.database import Database
from store.sql.tables import MessageRow
from tests.store.cli.command_line import CommandLine, Finished

JOHN = "john@brand-a.test"
COMMANDS = (
    "db upgrade",
    "account create acme --plan starter",
    "domain add brand-a.test --account acme --verified",
    f"mailbox add {JOHN} --generate-password",
    "mailbox add mary@brand-a.test --generate-password",
    f"alias add sales@brand-a.test {JOHN} --send",
    f"alias add info@brand-a.test {JOHN}",
)
FIELDS = ("--to", "ann@outside.example", "--subject", "Hello")
WHOLE = b"From: sales@brand-a.test\nTo: ann@outside.example\nBcc: carl@outside.example\nSubject: Hi\n\nbye\n"


@pytest.fixture(scope="module")
def byname(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    made = CommandLine(tmp_path_factory.mktemp("site"))
    made.configure('sending.listener = "127.0.0.1:1"', "sending.max_bytes = 2000")
    made.succeed(*COMMANDS)
    return made


@pytest.fixture(scope="module")
def store(byname: CommandLine) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{byname.database}")
    yield opened
    opened.close()


def send(byname: CommandLine, *options: str, stdin: bytes = b"bye\n") -> Finished:
    return byname("send", "--mailbox", JOHN, *options, "--json", stdin=stdin)


def content(store: Database, message: int) -> bytes:
    with store.read() as tx:
        return tx.get_one(MessageRow, message).content or b""


def test_a_whole_message(byname: CommandLine, store: Database) -> None:
    sent = send(byname, "--message", "-", stdin=WHOLE)
    assert sent.code == 0, sent.err
    made = sent.data
    assert (made["status"], made["sender"]) == ("accepted", "sales@brand-a.test")
    assert made["recipients"] == ["ann@outside.example", "carl@outside.example"]
    kept = content(store, made["id"])
    assert b"carl" not in kept
    assert kept.endswith(b"Subject: Hi\r\n\r\nbye\r\n")
    assert f"Message-ID: {made['message_id']}\r\n".encode() in kept


def test_to_is_in_place_of_its_recipients(byname: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "mail.eml"
    file.write_bytes(WHOLE)
    assert send(byname, "--message", str(file), "--to", "Bob <b@x.test>").data["recipients"] == ["b@x.test"]


REFUSED = {
    b"From: info@brand-a.test\nTo: a@b.test\n\n": "cannot-send-as",
    b"From: mary@brand-a.test\nTo: a@b.test\n\n": "sender-not-owned",
    b"From: sales@brand-a.test\nSender: mary@brand-a.test\nTo: a@b.test\n\n": "sender-not-owned",
    b'From: "ceo@bank.example" <sales@brand-a.test>\nTo: a@b.test\n\n': "invalid-request",
    b"From: sales@brand-a.test\n\n": "invalid-request",
    b"From: sales@brand-a.test\nTo: a@b.test\nResent-From: x@y.test\n\n": "invalid-request",
    WHOLE + b"x" * 2000: "invalid-request",
}


@pytest.mark.parametrize(("octets", "code"), REFUSED.items())
def test_refused_whole_messages(byname: CommandLine, octets: bytes, code: str) -> None:
    refused = send(byname, "--message", "-", stdin=octets)
    assert (refused.code, refused.error["code"], refused.out) == (ExitCode.DATA, code, "")


USAGE = {
    (): "--to and --subject are needed",
    ("--to", "a@b.test"): "--to and --subject are needed",
    ("--message", "-", "--subject", "x"): "--subject: a whole message says that",
    ("--message", "-", "--from", JOHN, "--cc", "a@b.test"): "--from and --cc: a whole message",
    ("--message", "none.eml"): "none.eml: No such file",
}


@pytest.mark.parametrize(("options", "words"), USAGE.items())
def test_options_that_do_not_go_together(byname: CommandLine, options: tuple[str, ...], words: str) -> None:
    refused = send(byname, *options)
    assert refused.code == ExitCode.USAGE
    assert words in refused.err


@pytest.mark.parametrize(("options", "stdin"), [(FIELDS, b"bye\n"), (("--message", "-"), WHOLE)])
def test_a_key_sends_once(byname: CommandLine, options: tuple[str, ...], stdin: bytes) -> None:
    key = ("--idempotency-key", f"key of {options[0]}")
    first = send(byname, *options, *key, stdin=stdin)
    byname.succeed("alias set sales@brand-a.test --no-send")  # whatever has changed since
    again = send(byname, *options, *key, stdin=stdin)
    byname.succeed("alias set sales@brand-a.test --send")
    assert (again.code, again.data) == (0, first.data)
    assert f"message {first.data['id']} has this key already" in again.err
    other = send(byname, *options, *key, stdin=stdin + b"more\n")
    assert (other.code, other.error["code"]) == (ExitCode.DATA, "idempotency-key-reused")
    newest = byname("message", "list", "--limit", "1", "--json").data["data"][0]["id"]
    assert newest == first.data["id"]


@pytest.mark.parametrize("key", ["", "a\nb", "ü", "x" * 256])
def test_keys_that_are_none(byname: CommandLine, key: str) -> None:
    refused = send(byname, *FIELDS, "--idempotency-key", key)
    assert (refused.code, refused.error["field"]) == (ExitCode.DATA, "idempotency-key")


def test_waiting_for_what_becomes_of_it(byname: CommandLine, store: Database) -> None:
    still = send(byname, *FIELDS, "--wait", "1", "--idempotency-key", "wait")
    assert (still.code, still.data["status"]) == (ExitCode.CANNOT_TELL, "accepted")
    for state, code in (("refused", ExitCode.REFUSED), ("sent", ExitCode.DONE), ("unknown", ExitCode.CANNOT_TELL)):
        with store.write() as tx:
            row = tx.get_one(MessageRow, still.data["id"])
            row.state, row.ended_at = state, row.created_at
        ended = send(byname, *FIELDS, "--wait", "1", "--idempotency-key", "wait")
        assert (ended.code, ended.data["status"]) == (code, state)


def test_messages_are_listed(byname: CommandLine, store: Database) -> None:
    first, second = (send(byname, *FIELDS).data["id"] for _ in range(2))
    with store.write() as tx:
        row = tx.get_one(MessageRow, first)
        row.state, row.ended_at, row.due_at, row.reply = "sent", row.created_at, None, "250 2.0.0 Ok"

    def listed(*options: str) -> list[int]:
        return [one["id"] for one in byname("message", "list", *options, "--json").data["data"]]

    assert listed("--limit", "2") == [second, first]
    assert first not in listed("--unfinished", "--limit", "100")
    assert second in listed("--unfinished", "--limit", "100")
    assert listed("--mailbox", "mary@brand-a.test") == []
    shown = byname("message", "show", str(first))
    assert [word for word in ("sent", JOHN, "250 2.0.0 Ok", "none") if word not in shown.out] == []
    assert byname("message", "show", str(first), "--json").data["reply"] == "250 2.0.0 Ok"
    missing = byname("message", "show", "999", "--json")
    assert (missing.code, missing.error["code"]) == (ExitCode.DATA, "not-found")
    assert "older messages are not shown" in byname("message", "list", "--limit", "1").err


def test_each_mail_stands_in_the_audit_log(byname: CommandLine) -> None:
    made = send(byname, "--message", "-", stdin=WHOLE).data
    (entry,) = byname("audit", "--object", f"message:{made['id']}", "--json").data["data"]
    assert entry["actor"].startswith("command line (")
    assert (entry["action"], entry["name"], entry["before"]) == ("message.send", JOHN, None)
    assert entry["after"] == {
        "sender": "sales@brand-a.test",
        "message_id": made["message_id"],
        "recipients": 2,
        "size": made["size"],
    }
