"""A thousand ordinary mails each way: no check refuses or marks one, and each saw what it is for."""

from routing.address import Address
from routing.calendar import Invitations, judge_invitations
from routing.colleague import OutsideMail, is_colleague, shown_name
from routing.guard import check_header
from routing.lookalike import judge_lookalikes
from routing.memory_directory import MemoryDirectory
from routing.mime_parts import MimeParts
from routing.people import people
from routing.policy import Policy
from routing.records import HostedDomain, Mailbox
from routing.spoof import claimed_addresses, judge_claims
from routing.trust import TrustClaims, judge_trust
from routing.verdicts import Allow
from store.services.skeletons import skeleton
from store.wire_format.people import name_key
from tests.unit.ordinary_mails import FIRST, LAST, Mail, incoming, outgoing
from tests.unit.sample_site import DIRECTORY, NOW

MANY = 1000
JOHN = "john@brand-a.test"
IDS = frozenset({"mx.brand-a.test", "brand-a.test"})
POLICY = Policy(authserv_ids=IDS)
BOX = [Address("john", "brand-a.test")]
DESKS = ("Customer Service", "Info", "Sales Team", "Support", "John", "No Reply")
STAFF = [*(f"{first} Poe" for first in FIRST), *(f"Mary {last}" for last in LAST), *DESKS]  # many share one word
COMPANY = MemoryDirectory(
    [
        HostedDomain("brand-a.test", account=1, names={"ann": Mailbox(BOX[0]), "info": Mailbox(BOX[0])}),
        people(1, {key: Address("x", "brand-a.test") for name in STAFF if (key := name_key(name))}),
    ]
)


def test_authors() -> None:
    wrong = [
        (mail.fields[1], verdict)
        for mail in outgoing(MANY)
        if (verdict := check_header(DIRECTORY, POLICY, JOHN, mail.fields, NOW)) != Allow()
    ]
    assert wrong == []


def test_trust() -> None:
    keys = 0
    for mail in outgoing(MANY):
        claims = TrustClaims(IDS)
        for field in mail.fields:
            claims.add(field.name, field.value)
        keys += len(claims.keys)
        assert judge_trust(DIRECTORY, POLICY, JOHN, claims, NOW) is None, mail.raw
    assert keys > MANY // 10


def scanned(mail: Mail) -> tuple[MimeParts, Invitations]:
    found = Invitations()
    parts = MimeParts(found.reader_for)
    for field in mail.fields:
        if field.name.lower().startswith("content-"):
            parts.feed(field.name.encode() + b":" + field.value + b"\r\n")
    parts.feed(b"\r\n")
    for at in range(0, len(mail.body), 777):
        parts.feed(mail.body[at : at + 777])
    parts.end()
    return parts, found


def test_invitations() -> None:
    claimed = 0
    for mail in outgoing(MANY):
        parts, found = scanned(mail)
        claimed += len(found.claimed)
        assert judge_invitations(DIRECTORY, POLICY, JOHN, parts, found, NOW) is None, mail.raw
    assert claimed > MANY // 10


def test_outside_mail() -> None:
    names = 0
    for mail in incoming(MANY):
        claimed = claimed_addresses(mail.fields[1].value)
        assert judge_claims(DIRECTORY, claimed) is None
        tenants = ["brand-a.test", "brand-b.test", "xn--bcher-kva.test"]
        assert judge_lookalikes(DIRECTORY, claimed, tenants, skeleton) is None, mail.fields[1]
        shown = list(filter(None, [shown_name(mail.fields[1].value, name_key)]))
        names += bool(shown)
        assert not is_colleague(COMPANY, OutsideMail(shown, claimed, ["brand-a.test"], BOX), NOW), mail.fields[1]
    assert names > MANY // 2
