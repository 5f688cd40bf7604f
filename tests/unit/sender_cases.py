"""From whom aliases take mail: one table of cases, for the core, for every directory, and for a real Postfix."""

from collections.abc import Callable
from typing import NamedTuple

from routing.address import Address, parse_path
from routing.allowed_senders import EnvelopeSender
from routing.auth_results import AuthResults
from routing.bounce import Report
from routing.directory import Directory
from routing.explain import envelope_sender
from routing.policy import Policy
from routing.raw_message import read_message
from routing.recipient import resolve
from routing.verdicts import Deliver
from routing.writers import Writers, judge_writers

MX = "mx.brand-a.test"
POLICY = Policy(authserv_ids=frozenset({MX}))
DOMAIN = "brand-a.test"

# local part: from whom it takes mail, in one line, and whether it sends
ALIASES = {
    "listed": ("listed friend.test ann@work.test .club.test xn--bcher-kva.test", False),
    "but": ("except spam.test bob@work.test .junk.test", False),
    "sure": ("everyone authenticated", False),
    "shop": ("listed authenticated shop.test", False),
    "nobody-in": ("listed", False),
    "asks": ("listed friend.test", True),
}
TAKEN, AT_RCPT, AT_END, LATER = "taken", "at RCPT", "at the end", "later"
NOT_ACCEPTED = "550 5.7.1 <{}>: this address does not accept mail from you"
UNKNOWN = "451 4.7.1 <{}>: Nobody has authenticated this mail, please try again"
FRIEND = "<x@friend.test>"


class Case(NamedTuple):
    alias: str  # with a detail, perhaps
    sender: str  # as typed
    message: str
    outcome: str


def says(result: str, *, authserv_id: str = MX) -> str:
    return f"Authentication-Results: {authserv_id}; {result}\n"


def passes(domain: str) -> str:
    return says(f"spf=pass smtp.mailfrom=x@y.test; dmarc=pass (p=none dis=none) header.from={domain}")


HOP = "Received: from a.test by b.test with ESMTP id 1;\n Sun, 29 Nov 2026 10:00:00 +0000\n"


def bounce(
    author: str, *, kind: str = "delivery-status", action: str = "failed", returned: str = "message/rfc822"
) -> str:
    return f"""\
From: MAILER-DAEMON@far.test
Subject: Undelivered
Content-Type: multipart/report; report-type={kind};
 boundary="b"

--b
Content-Type: text/plain

It failed.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; far.test

Final-Recipient: rfc822; x@far.test
Action: {action}
Status: 5.1.1

--b
Content-Type: {returned}

Received: from here
From: {author}
Subject: hello

text
--b--
"""


BOUNCE = bounce("Asks <asks@brand-a.test>")

ENVELOPE = [  # what is refused at RCPT never comes to its header
    Case("listed", FRIEND, "From: x@friend.test", TAKEN),
    Case("listed+detail", "<X@FRIEND.Test.>", "From: X@Friend.TEST", TAKEN),
    Case("listed", "<ann@work.test>", "From: Ann <ANN@work.test>", TAKEN),
    Case("listed", "<a@deep.club.test>", "From: a@deep.club.test", TAKEN),
    Case("listed", "<a@club.test>", "From: a@club.test", AT_RCPT),  # .club.test is not club.test
    Case("listed", "<bob@work.test>", "From: bob@work.test", AT_RCPT),
    Case("listed+detail", "<ann+x@work.test>", "From: ann+x@work.test", AT_RCPT),
    Case("listed", "<x@sub.friend.test>", "From: x@friend.test", AT_RCPT),
    Case("listed", "<x@xn--bcher-kva.test>", "From: x@bücher.test", TAKEN),
    Case("nobody-in", FRIEND, "From: x@friend.test", AT_RCPT),
    Case("but", "<x@spam.test>", "From: x@good.test", AT_RCPT),
    Case("but", "<BOB@work.test>", "From: x@good.test", AT_RCPT),
    Case("but", "<a@b.junk.test>", "From: x@good.test", AT_RCPT),
    Case("but+detail", "<x@spam.test>", "From: x@good.test", AT_RCPT),
    Case("but", "<x@good.test>", "From: x@good.test", TAKEN),
    Case("but", "<x@junk.test>", "From: x@junk.test", TAKEN),
    Case("but", "<bob+x@work.test>", "From: bob+x@work.test", TAKEN),
]
HEADER = [
    Case("listed", FRIEND, "From: x@else.test", AT_END),
    Case("listed", FRIEND, "From: x@friend.test, y@else.test", AT_END),
    Case("listed", FRIEND, 'From: "Doe, John (x)" <x@friend.test> (he, and she), ann@work.test', TAKEN),
    Case("listed", FRIEND, "From: x@friend.test\nFrom: y@else.test", AT_END),
    Case("listed", FRIEND, "From: x@friend.test, (", AT_END),
    Case("listed", FRIEND, "Subject: no author", AT_END),
    Case("listed", FRIEND, 'From: "y@else.test" <x@friend.test>', TAKEN),
    Case("but", "<x@good.test>", "From: X <x@SPAM.test>", AT_END),
    Case("but", "<x@good.test>", "From: x@good.test, bob@work.test", AT_END),
    Case("but", "<x@good.test>", "From: x@good.test\nFrom: x@spam.test", AT_END),
    Case("but", "<x@good.test>", 'From: "x@spam.test" <x@good.test>', AT_END),
    Case("but", "<x@good.test>", "From: =?utf-8?q?x=40spam.test?= <x@good.test>", AT_END),
    Case("but", "<x@good.test>", "From: x@spam.test (((", AT_END),
    Case("but", "<x@good.test>", "Subject: no author", TAKEN),
    Case("but", "<x@good.test>", "From: " + ", ".join(f"a{n}@good.test" for n in range(80)), AT_END),
]
AUTHENTICATED = [
    Case("sure", FRIEND, passes("friend.test") + "From: x@friend.test", TAKEN),
    Case("sure+x", FRIEND, passes("FRIEND.test") + "From: x@Friend.test", TAKEN),
    Case("sure", FRIEND, passes("xn--bcher-kva.test") + "From: x@bücher.test", TAKEN),
    Case("sure", FRIEND, passes("friend.test") + "From: x@else.test", AT_END),
    Case("sure", FRIEND, passes("friend.test") + "From: x@friend.test, y@else.test", AT_END),
    Case("sure", FRIEND, says("dmarc=fail header.from=friend.test") + "From: x@friend.test", AT_END),
    Case("sure", FRIEND, says("dmarc=none header.from=friend.test") + "From: x@friend.test", AT_END),
    Case("sure", FRIEND, says("dmarc=temperror header.from=friend.test") + "From: x@friend.test", LATER),
    Case("sure", FRIEND, says("dkim=pass header.d=friend.test; spf=pass") + "From: x@friend.test", LATER),
    Case("sure", FRIEND, "From: x@friend.test", LATER),
    Case("sure", FRIEND, passes("friend.test") + "Subject: no author", AT_END),
    Case("shop", "<x@shop.test>", passes("shop.test") + "From: x@shop.test", TAKEN),
    Case("shop", "<x@shop.test>", passes("else.test") + "From: x@else.test", AT_END),
    Case("shop", "<x@shop.test>", says("dmarc=fail header.from=shop.test") + "From: x@shop.test", AT_END),
    Case("shop", "<x@else.test>", passes("else.test") + "From: x@else.test", AT_RCPT),
]
FORGED = [
    Case("sure", FRIEND, HOP + passes("friend.test") + "From: x@friend.test", LATER),  # below a foreign hop
    Case(
        "sure",
        FRIEND,
        says("dmarc=pass header.from=friend.test", authserv_id="mx.evil.test") + "From: x@friend.test",
        LATER,
    ),
    Case(
        "sure",
        FRIEND,
        says("dmarc=pass header.from=friend.test", authserv_id=f"x; {MX}") + "From: x@friend.test",
        LATER,
    ),
    Case(
        "sure",
        FRIEND,
        says("dmarc=pass header.from=friend.test", authserv_id=f"({MX}) evil") + "From: x@friend.test",
        LATER,
    ),
    Case(
        "sure",
        FRIEND,
        says("dmarc=fail header.from=friend.test") + passes("friend.test") + "From: x@friend.test",
        AT_END,
    ),
    Case(
        "sure",
        FRIEND,
        says('spf=pass smtp.mailfrom="; dmarc=pass header.from=friend.test"') + "From: x@friend.test",
        LATER,
    ),
    Case("sure", FRIEND, says("spf=pass (; dmarc=pass header.from=friend.test)") + "From: x@friend.test", LATER),
    Case(
        "sure", FRIEND, says('dmarc=fail reason="dmarc=pass" header.from=friend.test') + "From: x@friend.test", AT_END
    ),
    Case("sure", FRIEND, says("dmarc=pass (unclosed header.from=friend.test") + "From: x@friend.test", LATER),
]
BOUNCES = [
    Case("asks", "<>", BOUNCE, TAKEN),
    Case("asks+x", "<>", bounce("asks+y@brand-a.test", action="delayed", returned="text/rfc822-headers"), TAKEN),
    Case("asks", "<>", "From: x@friend.test", TAKEN),  # an answering machine's, of one who is listed
    Case("asks", "<>", "From: x@else.test", AT_END),
    Case("asks", "<x@else.test>", BOUNCE, AT_RCPT),
    Case("asks", "<>", bounce("listed@brand-a.test"), AT_END),
    Case("asks", "<>", bounce("asks@brand-b.test"), AT_END),
    Case("asks", "<>", bounce("asks@brand-a.test, x@else.test"), AT_END),
    Case("asks", "<>", bounce("asks@brand-a.test", kind="disposition-notification"), AT_END),
    Case("asks", "<>", bounce("asks@brand-a.test", action="opened"), AT_END),
    Case("asks", "<>", bounce("asks@brand-a.test", returned="text/plain"), AT_END),
    Case("asks", "<>", "From: x@else.test\n\n" + BOUNCE, AT_END),
    Case("listed", "<>", bounce("listed@brand-a.test"), AT_END),  # it does not send, so nothing of it bounces
    Case("listed", "<>", "From: x@friend.test", TAKEN),
    Case("but", "<>", "From: x@good.test", TAKEN),
    Case("but", "<>", "From: x@spam.test", AT_END),
]
CASES = [*ENVELOPE, *HEADER, *AUTHENTICATED, *FORGED, *BOUNCES]


def raw(message: str) -> bytes:
    head, blank, body = message.partition("\n\n")
    return (f"{head}\n\n{body}" if blank else f"{head}\n\nhello\n").replace("\n", "\r\n").encode()


def expected(case: Case) -> str | None:
    """Return the reply to a case, None for mail that is taken."""
    written = f"{case.alias}@{DOMAIN}"
    words = {AT_RCPT: NOT_ACCEPTED, AT_END: NOT_ACCEPTED, LATER: UNKNOWN}.get(case.outcome)
    return words.format(written) if words else None


def judged(directory: Directory, case: Case, policy: Policy = POLICY) -> tuple[str, str | None]:
    """Return where a case is decided by the core, and the reply."""
    sender: Callable[[], EnvelopeSender] = lambda: envelope_sender(case.sender)  # noqa: E731
    verdict = resolve(directory, policy, parse_path(f"<{case.alias}@{DOMAIN}>"), 0.0, sender)
    if not isinstance(verdict, Deliver):
        return AT_RCPT, str(getattr(verdict, "reply", verdict))
    message = read_message(raw(case.message))
    wrote = Writers(AuthResults(policy.authserv_ids), sender(), report=Report() if sender().is_null else None)
    for field in message.fields:
        wrote.add(field.name, field.value)
    if wrote.report:
        wrote.report.body(message.body)
    refusal = judge_writers(policy, verdict, wrote)
    if refusal is None:
        return TAKEN, None
    return (LATER if refusal.reply.is_temporary else AT_END), str(refusal.reply)


def alias_address(local: str) -> Address:
    return Address(local, DOMAIN)
