"""Every row of the sender table (docs/design.md, section 4): who logs in, what they claim, verdict, full reply."""

import pytest

from routing.address import Address
from routing.memory_directory import SilentDirectory
from routing.policy import Policy
from routing.sender import Role, admit, authorise
from routing.verdicts import Allow, Defer, Reject
from tests.unit.sample_site import DIRECTORY, NOW

JOHN = "john@brand-a.test"
REJECTED = "553 5.7.1 <{}>: Sender address rejected: "
NOT_OWNED = f"{REJECTED}not owned by user john@brand-a.test"

ALLOWED = [
    "john@brand-a.test",
    "john+lists@brand-a.test",
    "sales@brand-a.test",
    "sales+x@brand-b.test",
    "sales@brand-b.test",
    "outbox@brand-a.test",  # receiving is another matter
    "john@xn--bcher-kva.test",
    "fair@brand-a.test",  # it expires in a second
]
REFUSED = [
    (
        "info@brand-a.test",
        "cannot-send-as",
        f"{REJECTED}sending is off for this alias of ",
    ),
    ("off@brand-a.test", "sender-disabled", f"{REJECTED}this alias of "),
    ("gone@brand-a.test", "sender-expired", f"{REJECTED}this alias of john@brand-a.test has expired"),
    ("gone+x@brand-a.test", "sender-expired", f"{REJECTED}this alias of john@brand-a.test has expired"),
    ("gone@brand-b.test", "sender-expired", f"{REJECTED}this alias of "),
    ("gone-off@brand-a.test", "sender-disabled", f"{REJECTED}this alias of "),
    ("nick@off.test", "sender-disabled", f"{REJECTED}this alias of "),
    *(
        (name, "sender-detail", f"{REJECTED.replace('5.7.1', '5.1.7')}a sub-address is plain ASCII without % ! @")
        for name in ("john+x%bank.test@brand-a.test", "sales+b!x@brand-b.test", "john+ü@brand-a.test")
    ),
    ("mary@brand-a.test", "sender-not-owned", NOT_OWNED),
    ("team@brand-a.test", "sender-not-owned", NOT_OWNED),
    ("eve@other.test", "sender-not-owned", NOT_OWNED),
    ("ceo@other.test", "sender-not-owned", NOT_OWNED),
    ("nobody@brand-a.test", "sender-not-owned", NOT_OWNED),
    ("anything@brand-b.test", "sender-not-owned", NOT_OWNED),  # a catch-all lends no right to send
    ("postmaster@brand-a.test", "sender-not-owned", NOT_OWNED),
    ("x@outside.test", "sender-not-owned", NOT_OWNED),
]
LOGINS_REFUSED = [
    (
        "nobody@brand-a.test",
        "login-unknown",
        "user nobody@brand-a.test has no mailbox",
    ),
    (
        "sales@brand-a.test",
        "login-unknown",
        "user sales@brand-a.test has no mailbox",
    ),
    (
        "john+x@brand-a.test",
        "login-unknown",
        "user john+x@brand-a.test has no mailbox",
    ),
    ("x@outside.test", "login-unknown", "user x@outside.test has no mailbox"),
    (
        "paused@brand-a.test",
        "login-paused",
        "mailbox paused@brand-a.test is disabled",
    ),
    (
        "old@off.test",
        "login-domain-off",
        "the domain of old@off.test is switched off",
    ),
    (
        "sue@suspended.test",
        "login-suspended",
        "the account of sue@suspended.test is suspended",
    ),
    ("john", "login-malformed", "the login name is not a mail address"),
    ("john@not a domain", "login-malformed", "the login name is not a mail address"),
]


@pytest.mark.parametrize("sender", ALLOWED)
@pytest.mark.parametrize("login", [JOHN, "JOHN@Brand-A.test"])
def test_allowed(login: str, sender: str) -> None:
    assert authorise(DIRECTORY, Policy(), login, [Address.parse(sender)], NOW) == Allow()


@pytest.mark.parametrize(("sender", "rule", "text"), REFUSED)
def test_refused(sender: str, rule: str, text: str) -> None:
    verdict = authorise(DIRECTORY, Policy(), JOHN, [Address.parse(sender)], NOW)
    assert isinstance(verdict, Reject)
    assert verdict.rule == rule
    assert str(verdict.reply).startswith(text.format(sender))


@pytest.mark.parametrize(("login", "rule", "text"), LOGINS_REFUSED)
@pytest.mark.parametrize("senders", [(), (Address.parse(JOHN),)])
def test_login_refused(login: str, rule: str, text: str, senders: tuple[Address, ...]) -> None:
    verdict = authorise(DIRECTORY, Policy(), login, senders, NOW)
    assert isinstance(verdict, Reject)
    assert (verdict.rule, str(verdict.reply)) == (rule, f"550 5.7.1 Sender address rejected: {text}")


def test_a_bare_login_needs_a_default_domain() -> None:
    assert authorise(DIRECTORY, Policy(default_domain="brand-a.test"), "john", (), NOW) == Allow()
    assert authorise(DIRECTORY, Policy(default_domain="brand-b.test"), JOHN, (), NOW) == Allow()


def test_all_of_several_senders_must_be_owned() -> None:
    verdict = authorise(DIRECTORY, Policy(), JOHN, [Address.parse(JOHN), Address.parse("eve@other.test")], NOW)
    assert isinstance(verdict, Reject)
    assert "<eve@other.test>" in verdict.reply.text


@pytest.mark.parametrize(
    ("senders", "shown"),
    [((), JOHN), ((Address.parse("sales@brand-b.test"),), "sales@brand-b.test")],
)
def test_no_evidence_is_451(senders: tuple[Address, ...], shown: str) -> None:
    verdict = authorise(SilentDirectory(), Policy(), JOHN, senders, NOW)
    assert isinstance(verdict, Defer)
    assert verdict.rule == "no-evidence"
    assert str(verdict.reply) == f"451 4.3.0 <{shown}>: Sender lookup failed, please try again"


@pytest.mark.parametrize(
    ("role", "login", "expected"),
    [
        (Role.SUBMISSION, None, "530 5.7.0 Authentication required"),
        (Role.SUBMISSION, "", "530 5.7.0 Authentication required"),
        (Role.SUBMISSION, JOHN, None),
        (Role.INBOUND, None, None),
        (Role.INBOUND, JOHN, "550 5.7.1 Log in on the submission port, not here"),
        (Role.LOCAL, None, None),
        (Role.LOCAL, JOHN, None),
    ],
)
def test_who_may_speak_on_which_listener(role: Role, login: str | None, expected: str | None) -> None:
    refusal = admit(role, login)
    assert (None if refusal is None else str(refusal.reply)) == expected
    assert refusal is None or refusal.rule in {"login-required", "login-on-inbound"}
