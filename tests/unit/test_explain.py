"""Explanations: the same verdict as the milter's, with what was looked at."""

import pytest

from routing.directory import Directory
from routing.explain import Explanation, compare, explain_recipient, explain_sender
from routing.explain_message import explain_submitted
from routing.memory_directory import MemoryDirectory, SilentDirectory
from routing.policy import Policy
from routing.raw_message import read_message
from tests.unit.sample_site import DIRECTORY, NOW

RECIPIENTS = [  # text, verdict, rule, mailbox, one of the steps
    ("sales@brand-a.test", "deliver", "alias", "john@brand-a.test",
     ("name sales@brand-a.test", "alias of mailbox john@brand-a.test (active); active, receive on, send on")),
    ("off@brand-b.test", "reject", "alias-disabled", None,
     ("name off@brand-b.test", "alias of mailbox john@brand-a.test (active); disabled, receive on, send off")),
    ("outbox@brand-b.test", "reject", "alias-receive-off", None,
     ("catch-all of brand-b.test", "mailbox john@brand-a.test (active)")),
    ("old@off.test", "reject", "domain-off", None, ("domain off.test", "hosted, switched off")),
    ("sue@suspended.test", "defer", "account-suspended", None, ("domain suspended.test", "hosted, account suspended")),
    ("paused@brand-a.test", "reject", "mailbox-paused", None,
     ("name paused@brand-a.test", "mailbox paused@brand-a.test (paused)")),
    ("moved@brand-a.test", "reject", "domain-off", None,
     ("name moved@brand-a.test", "alias of mailbox old@off.test (active, domain switched off); active, "
      "receive on, send off")),
    ("x@suspended.test", "defer", "account-suspended", None, ("name x@suspended.test", "none")),
    ("sue@suspended.test", "defer", "account-suspended", None,
     ("name sue@suspended.test", "mailbox sue@suspended.test (active, account suspended)")),
    ("x@outside.test", "not-ours", "not-hosted", None, ("domain outside.test", "not hosted")),
    ("postmaster", "not-ours", "no-domain", None, ("postmaster", "no domain name in it")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "verdict", "rule", "mailbox", "step"), RECIPIENTS)
def test_recipients(text: str, verdict: str, rule: str, mailbox: str | None, step: tuple[str, str]) -> None:
    found = explain_recipient(DIRECTORY, Policy(), text, NOW)
    assert (found.verdict, found.rule) == (verdict, rule)
    assert (None if found.mailbox is None else str(found.mailbox)) == mailbox
    assert step in [(seen.looked_up, seen.found) for seen in found.steps]
    assert (found.reply is None) is (verdict in {"deliver", "not-ours"})


MESSAGES = [  # header, verdict, rule, steps
    (b"From: John <john@brand-a.test>\r\nSubject: x\r\n\r\nFrom: body", "allow", "owned",
     [("field From", "John <john@brand-a.test>")]),
    (b"Sender: x@outside.test\nFrom: john@brand-a.test\n", "reject", "sender-not-owned",
     [("field Sender", "x@outside.test"), ("field From", "john@brand-a.test")]),
    (b"Subject: \xff", "reject", "no-from", []),
    (b"From: \xff", "reject", "not-utf8", [("field From", r"\xff")]),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "verdict", "rule", "steps"), MESSAGES)
def test_messages(raw: bytes, verdict: str, rule: str, steps: list[tuple[str, str]]) -> None:
    found = explain_submitted(DIRECTORY, Policy(), "john@brand-a.test", read_message(raw), NOW)
    assert (found.verdict, found.rule) == (verdict, rule)
    assert [(step.looked_up, step.found) for step in found.steps] == steps


def test_a_malformed_recipient_shows_its_501() -> None:
    found = explain_recipient(DIRECTORY, Policy(), "<sales@brand-a.test", NOW)
    assert (found.verdict, found.rule) == ("reject", "bad-syntax")
    assert str(found.reply) == "501 5.1.3 Bad recipient address syntax: unbalanced angle brackets"


SENDERS = [  # login, sender, verdict, rule
    ("john@brand-a.test", "sales@brand-b.test", "allow", "owned"),
    ("john@brand-a.test", "info@brand-a.test", "reject", "cannot-send-as"),
    ("john@brand-a.test", "x@outside.test", "reject", "sender-not-owned"),
    ("john@brand-a.test", "nobody", "reject", "sender-not-owned"),
    ("john@brand-a.test", "<x", "reject", "bad-syntax"),
    ("john", "sales@brand-b.test", "reject", "login-malformed"),
    ("sales@brand-a.test", "sales@brand-a.test", "reject", "login-unknown"),
]


@pytest.mark.parametrize(("login", "sender", "verdict", "rule"), SENDERS)
def test_senders(login: str, sender: str, verdict: str, rule: str) -> None:
    found = explain_sender(DIRECTORY, Policy(), login, sender, NOW)
    assert (found.verdict, found.rule) == (verdict, rule)
    assert found.mailbox is None


def test_a_foreign_domain_is_named_as_not_hosted() -> None:
    found = explain_sender(DIRECTORY, Policy(), "john@brand-a.test", "x@outside.test", NOW)
    assert ("name x@outside.test", "not hosted") in [(step.looked_up, step.found) for step in found.steps]


def test_no_evidence() -> None:
    recipient = explain_recipient(SilentDirectory(), Policy(), "sales@brand-a.test", NOW)
    sender = explain_sender(SilentDirectory(), Policy(), "john@brand-a.test", "sales@brand-a.test", NOW)
    for found in (recipient, sender):
        assert (found.verdict, found.rule) == ("defer", "no-evidence")
        assert [(step.looked_up, step.found) for step in found.steps] == [("directory", "no answer")]


NOBODY_KNOWN = MemoryDirectory()


@pytest.mark.parametrize(
    ("cache", "sql", "told", "agree"),
    [
        (DIRECTORY, DIRECTORY, ("deliver", "deliver"), True),
        (NOBODY_KNOWN, DIRECTORY, ("not-ours", "deliver"), False),
        (SilentDirectory(), DIRECTORY, ("defer", "deliver"), None),
        (DIRECTORY, SilentDirectory(), ("deliver", "defer"), None),
        (None, DIRECTORY, (None, "deliver"), None),
    ],
)
def test_cache_and_sql_side_by_side(
    cache: Directory | None, sql: Directory, told: tuple[str | None, str], agree: bool | None
) -> None:
    def ask(directory: Directory) -> Explanation:
        return explain_recipient(directory, Policy(), "Sales@brand-a.test", NOW)

    found = compare(ask, DIRECTORY, cache, sql).as_object()
    assert (found["cache"], found["sql"]) == told
    assert found["agree"] is agree
    assert (found["verdict"], found["mailbox"], found["delivered_to"]) == (
        "deliver",
        "john@brand-a.test",
        "sales@brand-a.test",
    )
