"""The cases of filters by real mail: a mailbox each, its rules, the mails to it, and where each has to lie then.

``{n}`` is the case's number: mailbox ``cN@brand-a.test``, aliases ``aN@brand-b.test`` and ``bN@brand-b.test``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from routing.filters.model import Condition, Rule
from tests.filters.world import act, condition, rule

INBOX, NOWHERE, OUTSIDE = "INBOX", "nowhere", "friend@outside.example"
MOVE = act("move", "There")
BIG = b"x" * 70 + b"\r\n"
AWKWARD = [  # a folder in a rule, and on disk: modified UTF-7 (RFC 3501 section 5.1.3)
    ("Sales", ".Sales"),
    ('Says "so" \\ or', '.Says "so" \\ or'),
    ("Büro & Söhne", ".B&APw-ro &- S&APY-hne"),
    ("Kunden/Größe/📦 Pakete", ".Kunden.Gr&APYA3w-e.&2D3c5g- Pakete"),
    ("日本語", ".&ZeVnLIqe-"),
    ("${x} ; stop #", ".${x} ; stop #"),
]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, and the folders that it has to be in, each with the flags of Maildir; only there."""

    to: str | Sequence[str]
    lies: str | Mapping[str, str]
    header: str = ""
    body: bytes = b"bye\r\n"
    forwarded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A mailbox."""

    name: str
    rules: tuple[Rule, ...]
    mails: tuple[Mail, ...]


def case(name: str, rules: Rule | Condition | Sequence[Rule], *mails: Mail) -> Case:
    """Return a case; a condition alone moves mail to the folder There."""
    if isinstance(rules, Condition):
        rules = rule(rules, MOVE)
    return Case(name, (rules,) if isinstance(rules, Rule) else tuple(rules), mails)


def header_case(name: str, found: Condition, yes: Sequence[str], no: Sequence[str]) -> Case:
    """Return a case over header fields that fit and such that do not."""
    mails = [Mail("{box}", "There", line) for line in yes] + [Mail("{box}", INBOX, line) for line in no]
    return case(name, found, *mails)


TO_A, TO_B = condition("delivered_to", "is", "{a}"), condition("delivered_to", "is", "{b}")
SMALL = rule(condition("size", "under", "1M"), act("copy", "All"))
ONE, ANN = condition("subject", "contains", "one"), condition("from", "contains", "ann")
A, B, BOX = "{a}", "{b}", "{box}"
FORGED = "Delivered-To: {a}\r\nDELIVERED-TO:\r\n {a}\r\nX-Forwarded-To: {a}"

CASES = [
    case("delivered_to contains", condition("delivered_to", "contains", "{na}@"), Mail(A, "There"), Mail(B, INBOX)),
    case("delivered_to is", TO_A, Mail(A, "There"), Mail("x{na}@brand-b.test", INBOX)),
    case("with a detail", TO_A, Mail("{na}+shop@brand-b.test", "There")),
    case("in capitals", TO_A, Mail("{NA}@BRAND-B.TEST", "There")),
    case("delivered_to starts", condition("delivered_to", "starts", "{na}"), Mail(A, "There"), Mail(B, INBOX)),
    case("delivered_to ends", condition("delivered_to", "ends", "@brand-b.test"), Mail(A, "There"), Mail(BOX, INBOX)),
    case(
        "delivered_to matches",
        condition("delivered_to", "matches", "a*@brand-?.test"),
        Mail(A, "There"),
        Mail(B, INBOX),
    ),
    case(
        "forged",
        condition("delivered_to", "contains", "{na}@"),
        Mail(BOX, INBOX, FORGED),
        Mail(B, INBOX, FORGED),
        Mail(A, "There", FORGED.replace("{a}", "{b}")),
    ),
    case(
        "a name beyond ASCII",
        condition("delivered_to", "is", "i{n}@bücher.test"),
        Mail("i{n}@xn--bcher-kva.test", "There"),
    ),
    header_case(
        "from is",
        condition("from", "is", "Ann@Shop.example"),
        ["From: Ann <ann@shop.example>", "From: ANN@SHOP.EXAMPLE"],
        ["From: ann@shop.example.org", "From: xann@shop.example"],
    ),
    header_case(
        "from contains a name",
        condition("from", "contains", "ann of shop"),
        ["From: Ann of Shop <a@b.example>", "From: =?utf-8?q?Ann_of_Shop?= <a@b.example>"],
        ["From: Ann <a@b.example>"],
    ),
    header_case(
        "from starts",
        condition("from", "starts", "no*reply@"),
        ["From: no*reply@x.example"],
        ["From: no-reply@x.example"],
    ),
    header_case(
        "from ends",
        condition("from", "ends", "@shop.example"),
        ["From: A <a@SHOP.example>"],
        ["From: <a@shop.example.org>"],
    ),
    header_case(
        "from matches",
        condition("from", "matches", "*@*.shop.example"),
        ["From: a@eu.shop.example"],
        ["From: a@shop.example"],
    ),
    header_case(
        "to is",
        condition("to", "is", "list@out.example"),
        ["To: List <list@out.example>", "To: a@x.example\r\nCc: b@x.example, list@out.example"],
        ["To: a@x.example"],
    ),
    header_case(
        "subject is",
        condition("subject", "is", "Grüße 🎉"),
        ["Subject: =?utf-8?b?R3LDvMOfZSDwn46J?="],
        ["Subject: Gruesse"],
    ),
    header_case(
        "subject contains",
        condition("subject", "contains", 'say "hi" \\ bye'),
        ['Subject: I say "Hi" \\ bye, you'],
        ["Subject: I say hi"],
    ),
    header_case(
        "subject starts", condition("subject", "starts", "[List] *"), ["Subject: [list] * one"], ["Subject: [list] one"]
    ),
    header_case("subject ends", condition("subject", "ends", "?"), ["Subject: now?"], ["Subject: now!"]),
    header_case(
        "subject matches",
        condition("subject", "matches", "*order ????:*"),
        ["Subject: Order 1234: a"],
        ["Subject: Order 12: a"],
    ),
    header_case(
        "header",
        condition("header", "contains", "<dev.list", "List-Id"),
        ["List-ID: Dev <dev.list.example>"],
        ["List-Id: <ops.list.example>", "X-List-Id: <dev.list.example>"],
    ),
    case("size over", condition("size", "over", "20K"), Mail(BOX, "There", body=300 * BIG), Mail(BOX, INBOX)),
    case("size under", condition("size", "under", "20K"), Mail(BOX, INBOX, body=300 * BIG), Mail(BOX, "There")),
    case(
        "all",
        rule([ONE, ANN], MOVE),
        Mail(BOX, "There", "Subject: one\r\nFrom: ann@x.example"),
        Mail(BOX, INBOX, "Subject: one\r\nFrom: bob@x.example"),
    ),
    case(
        "any",
        rule([ONE, ANN], MOVE, match="any"),
        Mail(BOX, "There", "Subject: one\r\nFrom: bob@x.example"),
        Mail(BOX, INBOX, "Subject: two\r\nFrom: bob@x.example"),
    ),
    case("copy", rule(TO_A, act("copy", "Copies")), Mail(A, {INBOX: "", "Copies": ""})),
    case("mark read", rule(TO_A, act("mark", "read")), Mail(A, {INBOX: "S"}), Mail(B, INBOX)),
    case("flag and move", rule(TO_A, [act("flag"), MOVE]), Mail(A, {"There": "F"})),
    case("discard", rule(TO_A, act("discard")), Mail(A, NOWHERE), Mail(B, INBOX)),
    case(
        "forward of one alias only",
        rule(TO_A, act("forward", OUTSIDE)),
        Mail(A, INBOX, forwarded=(OUTSIDE,)),
        Mail(B, INBOX),
        Mail(BOX, INBOX, FORGED),
    ),
    case(
        "forward and discard",
        rule(TO_A, [act("forward", OUTSIDE), act("discard")]),
        Mail(A, NOWHERE, forwarded=(OUTSIDE,)),
    ),
    case(
        "both rules",
        [rule(TO_A, MOVE), SMALL],
        Mail(A, {"There": "", "All": ""}),
    ),
    case(
        "stop",
        [rule(TO_A, MOVE, stop=True), SMALL],
        Mail(A, "There"),
        Mail(B, {INBOX: "", "All": ""}),
    ),
    case(
        "switched off",
        [rule(TO_A, act("discard"), enabled=False)],
        Mail(A, INBOX),
    ),
    case(
        "two aliases in one mail",
        [rule(TO_A, act("move", "A")), rule(TO_B, act("move", "B"))],
        Mail((A, B), {"A": "", "B": ""}),
        Mail(A, "A"),
        Mail(B, "B"),
    ),
    case(
        "text that looks like Sieve",
        [
            rule(condition("subject", "is", '"; discard; #'), MOVE, name='x] */ "; stop; if true { discard; }'),
            rule(condition("subject", "is", "${hex:40} \\"), act("move", "Second"), name="\\ # rule:[y]"),
        ],
        Mail(BOX, "There", 'Subject: "; discard; #'),
        Mail(BOX, "Second", "Subject: ${hex:40} \\"),
        Mail(BOX, INBOX),
    ),
    case(
        "two hundred rules",
        [
            rule(condition("subject", "is", f"number {k}"), act("move", f"F{k % 7}"), name=f"rule {k}")
            for k in range(200)
        ],
        Mail(BOX, "F3", "Subject: number 199"),
        Mail(BOX, "F0", "Subject: number 0"),
        Mail(BOX, INBOX, "Subject: number 200"),
    ),
    *(case(f"folder {folder}", rule(TO_A, act("move", folder)), Mail(A, disk)) for folder, disk in AWKWARD),
]


def numbered(each: Case, number: int) -> Case:
    """Return a case with its own names."""
    box, a, b = f"c{number}@brand-a.test", f"a{number}@brand-b.test", f"b{number}@brand-b.test"
    names = {"{box}": box, "{a}": a, "{b}": b, "{n}": str(number), "{na}": f"a{number}", "{NA}": f"A{number}"}

    def named(text: str) -> str:
        for key, value in names.items():
            text = text.replace(key, value)
        return text

    def of_rule(one: Rule) -> Rule:
        tests = tuple(replace(test, value=named(test.value)) for test in one.conditions)
        return replace(one, conditions=tests)

    def of_mail(mail: Mail) -> Mail:
        to = (mail.to,) if isinstance(mail.to, str) else mail.to
        return replace(mail, to=tuple(map(named, to)), header=named(mail.header))

    return Case(each.name, tuple(map(of_rule, each.rules)), tuple(map(of_mail, each.mails)))


NUMBERED = [numbered(one, number) for number, one in enumerate(CASES)]
