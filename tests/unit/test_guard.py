"""The sender guard over whole headers: author fields, a login, the verdict, the rule and the reply."""

import pytest

from routing.guard import HeaderField, check_header, is_author_field, plain_name
from routing.memory_directory import SilentDirectory
from routing.policy import Policy
from routing.raw_message import header_fields
from routing.verdicts import Allow, Defer, Reject
from tests.unit.from_cases import CASES, HEADERS, Case
from tests.unit.sample_site import DIRECTORY, NOW

JOHN = "john@brand-a.test"
OWN = ("From", b" John <john@brand-a.test>")
NOT_OWNED = "Sender address rejected: not owned by user john@brand-a.test"

ALLOWED = [
    [OWN],
    [("FROM", b" sales@brand-b.test")],
    [("Subject", b" x"), OWN, ("Reply-To", b" anybody@outside.test"), ("To", b" x@y.test")],
    [OWN, ("Sender", b" sales@brand-a.test")],
    [*[("Resent-From", OWN[1])] * 15, OWN],
    [("From", b' "' + b" ".join(b"john+%d@brand-a.test" % n for n in range(16)) + b'" <john@brand-a.test>')],
    [("Subject", b" Re:\n From: the boss"), ("X", b" Re:\r\n\tFrom: the boss"), ("Y", b" From: x\rFromage: y"), OWN],
    [OWN, ("Resent-From", b" john@brand-a.test"), ("Resent-Sender", b" john+x@brand-a.test")],
    [("From", b' "sales@brand-a.test" <john@brand-a.test>')],
]
REFUSED = [  # fields, rule, reply text
    ([], "no-from", "Sender address rejected: the message has no From field"),
    ([("Sender", b" john@brand-a.test")], "no-from", "Sender address rejected: the message has no From field"),
    ([OWN, OWN], "several-from", "Sender address rejected: the message has more than one From field"),
    ([("From ", b" john@brand-a.test")], "malformed-field-name", "Sender address rejected: the name of an author"),
    ([OWN, ("From ", b" eve@other.test")], "malformed-field-name", "Sender address rejected: the name of an author"),
    ([OWN, ("From\xa0", b" eve@other.test")], "malformed-field-name", "Sender address rejected: the name of an author"),
    ([OWN, ("Sen\u200bder", b" eve@other.test")], "malformed-field-name", "Sender address rejected: the name of an"),
    ([OWN, ("Sender", b" john@brand-a.test"), ("Sender", b" john@brand-a.test")], "several-sender", "Sender address"),
    ([("Subject", b" x\rFrom: eve@other.test"), OWN], "hidden-field", "Sender address rejected: a line break inside"),
    ([("Subject", b" x\x0b resent-sender\t: eve@other.test"), OWN], "hidden-field", "Sender address rejected: a line"),
    ([("X", b" x\xe2\x80\xa9sender:eve@other.test"), OWN], "hidden-field", "Sender address rejected: a line break"),
    ([("X", b" x\nFrom: eve@other.test"), OWN], "hidden-field", "Sender address rejected: a line break inside a field"),
    ([*[("Resent-From", OWN[1])] * 16, OWN], "too-many-author-fields", "Sender address rejected: the message has too"),
    ([("From", b' "' + b" ".join(b"john+%d@brand-a.test" % n for n in range(17)) + b'" <john@brand-a.test>')],
     "display-name-address", "Sender address rejected: the name shows"),
    ([("From", b" a@x.test, b@y.test")], "list", "Sender address rejected: the field holds more than one"),
    ([("From", b" eve@other.test")], "sender-not-owned", f"<eve@other.test>: {NOT_OWNED}"),
    ([("From", b" mary@brand-a.test")], "sender-not-owned", f"<mary@brand-a.test>: {NOT_OWNED}"),
    ([("From", b" eve@other.test"), ("Sender", b" john@brand-a.test")], "sender-not-owned", "<eve@other.test>"),
    ([("Sender", b" eve@other.test"), ("From", b" mary@brand-a.test")], "sender-not-owned", "<mary@brand-a.test>"),
    ([("Sender", b" eve@other.test"), OWN], "sender-not-owned", "<eve@other.test>"),
    ([OWN, ("Resent-From", b" eve@other.test")], "sender-not-owned", "<eve@other.test>"),
    ([OWN, ("Resent-Sender", b" eve@other.test")], "sender-not-owned", "<eve@other.test>"),
    ([("From", b" info@brand-a.test")], "cannot-send-as", "<info@brand-a.test>: Sender address rejected: sending"),
    ([("From", b" off@brand-a.test")], "sender-disabled", "<off@brand-a.test>: Sender address rejected: this alias"),
    ([("From", b" gone@brand-a.test")], "sender-expired", "<gone@brand-a.test>: Sender address rejected: this alias"),
    ([("From", b' "gone@brand-a.test" <john@brand-a.test>')], "display-name-address", "Sender address rejected: the"),
    ([("From", b' "ceo@bank.test" <john@brand-a.test>')], "display-name-address", "Sender address rejected: the name"),
    ([("From", b' "eve@other.test" <john@brand-a.test>')], "display-name-address", "Sender address rejected: the name"),
    ([("From", b' "a@b@c" <john@brand-a.test>')], "display-name-address", "Sender address rejected: the name shows"),
]  # fmt: skip


def fields(pairs: list[tuple[str, bytes]]) -> list[HeaderField]:
    return [HeaderField(name, value) for name, value in pairs]


@pytest.mark.parametrize("pairs", ALLOWED)
def test_allowed(pairs: list[tuple[str, bytes]]) -> None:
    assert check_header(DIRECTORY, Policy(), JOHN, fields(pairs), NOW) == Allow()


@pytest.mark.parametrize(("pairs", "rule", "text"), REFUSED)
def test_refused(pairs: list[tuple[str, bytes]], rule: str, text: str) -> None:
    verdict = check_header(DIRECTORY, Policy(), JOHN, fields(pairs), NOW)
    assert isinstance(verdict, Reject)
    assert verdict.rule == rule
    assert str(verdict.reply).startswith(f"550 5.7.1 {text}")


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_the_table_of_values(case: Case) -> None:
    assert check_header(DIRECTORY, Policy(), JOHN, [HeaderField("From", case.value)], NOW).rule == case.rule


@pytest.mark.parametrize(("header", "rule", "by_postfix"), HEADERS)
def test_the_table_of_headers_as_postfix_takes_them_apart(header: bytes, rule: str, by_postfix: str | None) -> None:
    fields = header_fields(header + b"\r\n\r\nbody\r\n")
    assert check_header(DIRECTORY, Policy(), JOHN, fields, NOW).rule == (by_postfix or rule)


@pytest.mark.parametrize(
    ("setting", "shown", "allowed"),
    [
        ("own", b"sales@brand-a.test", True),
        ("own", b"x@outside.test", False),
        ("hosted", b"x@outside.test", True),
        ("hosted", b"eve@other.test", False),
        ("hosted", b"info@brand-a.test", False),
        ("hosted", b"a@b@c", False),
        ("any", b"eve@other.test", True),
        ("any", b"a@b@c", True),
    ],
)
def test_addresses_in_display_names(setting: str, shown: bytes, *, allowed: bool) -> None:
    policy = Policy(display_name_addresses=setting)  # type: ignore[arg-type]
    field = HeaderField("From", b' "' + shown + b'" <john@brand-a.test>')
    verdict = check_header(DIRECTORY, policy, JOHN, [field], NOW)
    assert isinstance(verdict, Allow) is allowed
    assert allowed or verdict.rule == "display-name-address"


def test_logins_are_judged_first() -> None:
    own = fields([OWN])
    malformed = check_header(DIRECTORY, Policy(), "john", own, NOW)
    assert isinstance(malformed, Reject)
    assert (malformed.rule, malformed.reply.code) == ("login-malformed", 550)
    assert check_header(DIRECTORY, Policy(), "paused@brand-a.test", own, NOW).rule == "login-paused"


def test_no_evidence_is_451() -> None:
    verdict = check_header(SilentDirectory(), Policy(), JOHN, fields([OWN]), NOW)
    assert isinstance(verdict, Defer)
    assert verdict.rule == "no-evidence"
    assert str(verdict.reply) == "451 4.3.0 <john@brand-a.test>: Sender lookup failed, please try again"


@pytest.mark.parametrize(
    ("name", "plain", "author"),
    [
        ("From", "from", True),
        (" from\t", "from", True),
        ("F\u200brom", "from", True),
        ("Sender", "sender", True),
        ("Reply-To", "reply-to", False),
        ("X-From", "x-from", False),
        ("!From~", "!from~", False),
    ],
)
def test_field_names_as_lenient_readers_see_them(name: str, plain: str, *, author: bool) -> None:
    assert plain_name(name) == plain
    assert is_author_field(name) is author
