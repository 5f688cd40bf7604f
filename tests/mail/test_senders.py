"""From whom aliases take mail, through a real Postfix: every case, several recipients, bounces, verifiers."""

import socket
import sys
from collections.abc import Iterator, Sequence

import pytest

from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.processes import Daemon
from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from store.services import aliases
from store.services.sender_lists import from_line
from store.sql.database import Database
from tests.mail.dialogue import Dialogue, data_as_it_is, logged_in
from tests.mail.world import JOHN, MARY, fill
from tests.unit.sender_cases import (
    ALIASES,
    AT_RCPT,
    BOUNCE,
    CASES,
    MX,
    TAKEN,
    Case,
    expected,
    raw,
    says,
)

SETTINGS = f'[senders]\nauthserv_ids = ["{MX}"]\n'
NOT = "this address does not accept mail from you"
GOOD, TEAM = "<x@good.test>", "team@brand-a.test"
AGAIN = "451 4.7.1 <asks@brand-a.test>: Please send this report once more"
SPAM_AUTHOR = raw("From: x@spam.test\nTo: you")


def fill_senders(database: Database) -> dict[str, str]:
    passwords = fill(database)
    with database.write() as tx:
        for local, (line, sends) in ALIASES.items():
            aliases.add(tx, f"{local}@brand-a.test", JOHN, can_send=sends, senders=from_line(line))
        aliases.add(tx, "not-sales@brand-a.test", MARY, senders=from_line("except sales@brand-a.test"))
    return passwords


@pytest.fixture(scope="module")
def gated(needs_root: None) -> Iterator[PrivateSite]:
    with PrivateSite(fill_senders, into_sink=True, settings=SETTINGS) as site:
        yield site


@pytest.fixture(scope="module")
def with_edge(needs_root: None) -> Iterator[PrivateSite]:
    with PrivateSite(fill_senders, delivery="agent", into_sink=True, settings=SETTINGS) as site:
        yield site


@pytest.fixture(autouse=True)
def empty_sinks(request: pytest.FixtureRequest) -> None:
    for name in {"gated", "with_edge"} & set(request.fixturenames):
        site: PrivateSite = request.getfixturevalue(name)
        site.postfix.wait_until_idle()
        site.mailboxes.clear()
        site.outside.clear()


def replies(site: PrivateSite, recipients: Sequence[str], message: bytes, sender: str = GOOD) -> list[str]:
    """Return what was said to each recipient, and to the message if there was one, on a connection of its own."""
    with Dialogue(site.postfix.inbound_port) as smtp:
        return [
            each.partition("queued")[0] for each in smtp.mail([f"<{one}>" for one in recipients], message, sender)[1:]
        ]


def arrived(site: PrivateSite, count: int) -> list[tuple[str, ...]]:
    site.postfix.wait_until_idle()
    return sorted(each.recipients for each in site.mailboxes.wait_for(count))


def test_the_first_bounce_comes_again(gated: PrivateSite) -> None:
    """Its connection did not ask for bodies; the next one does, and shows what the bounce returns."""
    assert replies(gated, ["asks@brand-a.test"], raw(BOUNCE), "<>")[1] == AGAIN
    assert replies(gated, ["asks@brand-a.test"], raw(BOUNCE), "<>")[1] == "250 2.0.0 Ok: "
    assert arrived(gated, 1) == [(JOHN,)]


@pytest.mark.parametrize("outcome", [TAKEN, AT_RCPT, "at the end", "later"])
def test_every_case(gated: PrivateSite, outcome: str) -> None:
    replies(gated, ["asks@brand-a.test"], raw(BOUNCE), "<>")  # connections show bodies from now on
    gated.postfix.wait_until_idle()
    gated.mailboxes.clear()
    cases = [case for case in CASES if case.outcome == outcome and case.message.isascii()]
    found = [(case, replies(gated, [f"{case.alias}@brand-a.test"], raw(case.message), case.sender)) for case in cases]
    wanted = [(case, _replies_to(case)) for case in cases]
    assert found == wanted
    assert len(arrived(gated, len(cases) if outcome == TAKEN else 0)) == (len(cases) if outcome == TAKEN else 0)


def _replies_to(case: Case) -> list[str]:
    reply = expected(case)
    if case.outcome == AT_RCPT:
        return [str(reply)]
    return ["250 2.1.5 Ok", reply or "250 2.0.0 Ok: "]


OK, QUEUED = "250 2.1.5 Ok", "250 2.0.0 Ok: "
REFUSED = f"550 5.7.1 <but@brand-a.test>: {NOT}"
DIFFER = "451 4.5.3 Not every recipient takes this message, please try again"


def test_one_of_several_refuses_the_envelope(gated: PrivateSite) -> None:
    found = replies(gated, [TEAM, "but@brand-a.test"], raw("From: x@spam.test"), "<x@spam.test>")
    assert found == [OK, REFUSED, QUEUED]
    assert arrived(gated, 1) == [(MARY,)]


@pytest.mark.parametrize("order", [("but@brand-a.test", TEAM), (TEAM, "but@brand-a.test")])
def test_one_of_several_refuses_the_header(gated: PrivateSite, order: tuple[str, str]) -> None:
    """Nobody loses it, and nobody is told wrong: the client is told them apart when it comes again."""
    sender = f"<{order[0][:3]}@good.test>"
    assert replies(gated, order, SPAM_AUTHOR, sender) == [OK, OK, DIFFER]
    first, second = replies(gated, order, SPAM_AUTHOR, sender), replies(gated, order[1:], SPAM_AUTHOR, sender)
    apart = f"452 4.5.3 <{order[1]}>: Please send this message to this recipient separately"
    of = {"but@brand-a.test": REFUSED, TEAM: QUEUED}
    assert first == [OK, apart, of[order[0]]]
    assert second == [OK, of[order[1]]]
    assert arrived(gated, 1) == [(MARY,)]


def test_all_take_it_or_all_refuse_it(gated: PrivateSite) -> None:
    both = ["but@brand-a.test", "but+x@brand-a.test"]
    assert replies(gated, both, SPAM_AUTHOR, "<all@good.test>") == [OK, OK, REFUSED]
    assert replies(gated, ["but@brand-a.test", TEAM], raw("From: x@good.test")) == [OK, OK, QUEUED]
    assert sorted(one for each in arrived(gated, 1) for one in each) == [JOHN, MARY]


def test_what_was_kept_apart_is_of_one_sender(gated: PrivateSite) -> None:
    assert replies(gated, ["but@brand-a.test", TEAM], SPAM_AUTHOR, "<one@good.test>")[2] == DIFFER
    assert replies(gated, ["but@brand-a.test", TEAM], raw("From: x@good.test"), "<two@good.test>")[2] == QUEUED


def submitted(site: PrivateSite, recipients: Sequence[str], author: str) -> str:
    with logged_in(site, JOHN) as client:
        client.docmd(f"MAIL FROM:<{JOHN}>")
        for recipient in recipients:
            code, text = client.docmd(f"RCPT TO:<{recipient}>")
            if code != 250:
                return f"{code} {text.decode()}"
        code, text = data_as_it_is(client, f"From: {author}\r\n\r\nhello\r\n".encode())
        return f"{code} {text.decode()}".partition("queued")[0]


def test_submission(gated: PrivateSite) -> None:
    """A login is as good as DMARC. A person's program gets one answer for the whole message, and keeps it."""
    assert submitted(gated, ["sure@brand-a.test"], JOHN) == QUEUED
    assert submitted(gated, ["but@brand-a.test", "friend@outside.example"], "sales@brand-a.test") == QUEUED
    refused = submitted(gated, ["friend@outside.example", "not-sales@brand-a.test"], "sales@brand-a.test")
    assert refused == f"550 5.7.1 <not-sales@brand-a.test>: {NOT}"


def test_a_bounce_that_postfix_makes_itself(gated: PrivateSite) -> None:
    gated.outside.refuse["gone@outside.example"] = "550 5.1.1 no such user"
    with logged_in(gated, JOHN) as client:
        message = b"From: asks@brand-a.test\r\n\r\nhello\r\n"
        client.sendmail("asks@brand-a.test", ["gone@outside.example"], message)
    (bounce,) = gated.mailboxes.wait_for(1, timeout=30)
    assert (bounce.sender, bounce.recipients) == ("", (JOHN,))


# With the LMTP edge.


def test_the_edge_refuses_for_each_recipient(with_edge: PrivateSite) -> None:
    found = replies(with_edge, ["but@brand-a.test", TEAM], SPAM_AUTHOR)
    assert found == [OK, OK, QUEUED]
    assert arrived(with_edge, 1) == [(MARY,)]
    (told,) = with_edge.outside.wait_for(1)
    assert told.recipients == ("x@good.test",)
    assert f"550 5.7.1 <but@brand-a.test>: {NOT}".encode() in b" ".join(told.content.split())
    assert TEAM.encode() not in told.content.partition(b"message/delivery-status")[2].partition(b"message/rfc822")[0]


def test_where_all_refuse_the_milter_says_so_at_once(with_edge: PrivateSite) -> None:
    """Once it knows of rules, it asks for headers: no bounce to a sender that may be forged."""
    replies(with_edge, ["but@brand-a.test"], raw("From: x@good.test"))
    assert replies(with_edge, ["but@brand-a.test"], SPAM_AUTHOR) == [OK, REFUSED]
    assert replies(with_edge, ["sure@brand-a.test"], raw("From: x@good.test"))[1].startswith("451 4.7.1 <sure@")
    assert arrived(with_edge, 1) == [(JOHN,)]


def test_the_edge_reads_bounces_results_and_logins(with_edge: PrivateSite) -> None:
    assert replies(with_edge, ["asks@brand-a.test"], raw(BOUNCE), "<>")[1] == QUEUED
    passed = says("dmarc=pass header.from=good.test")
    assert replies(with_edge, ["sure@brand-a.test"], raw(passed + "From: x@good.test"))[1] == QUEUED
    assert submitted(with_edge, ["sure@brand-a.test"], JOHN) == QUEUED
    assert arrived(with_edge, 3) == [(JOHN,)] * 3


# With a verifier before Byname.


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


@pytest.fixture(scope="module")
def verified(needs_root: None) -> Iterator[PrivateSite]:
    strip = r"regexp:{{/^Authentication-Results:[^;]*mx\.brand-a\.test/ IGNORE}}"
    with PrivateSite(fill_senders, into_sink=True, settings=SETTINGS, postfix_extra={"header_checks": strip}) as site:
        port = free_port()
        verifier = Daemon(
            [sys.executable, "-m", "tests.mail.verifier", f"inet:{port}@{LOOPBACK}"], site.folder / "v.log"
        )
        verifier.start()
        wait_until(lambda: is_open(port), 20, "the verifier")
        site.postfix.inbound_milter = f"inet:{LOOPBACK}:{port}, {site.postfix.inbound_milter}"
        site.postfix.configure()
        site.postfix.reload()
        yield site
        verifier.stop()


FORGED = says("dmarc=pass header.from=good.test")


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        ("X-Dmarc: pass good.test\n", QUEUED),
        ("X-Dmarc: pass good.test\nX-At: 1\n", QUEUED),
        ("Received: from a by b; Sun, 29 Nov 2026 10:00:00 +0000\nX-Dmarc: pass good.test\nX-At: 1\n", QUEUED),
        ("X-Dmarc: fail good.test\n", f"550 5.7.1 <sure@brand-a.test>: {NOT}"),
        (f"{FORGED}X-Dmarc: fail good.test\n", f"550 5.7.1 <sure@brand-a.test>: {NOT}"),
        (FORGED, "451 4.7.1 <sure@brand-a.test>: Nobody has authenticated this mail, please try again"),  # taken away
    ],
)
def test_a_verifier(verified: PrivateSite, header: str, answer: str) -> None:
    assert replies(verified, ["sure@brand-a.test"], raw(f"{header}From: x@good.test")) == [OK, answer]
