"""A thousand ordinary mails each way: no check refuses or marks one, and each saw what it is for."""

from routing.calendar import Invitations, judge_invitations
from routing.colleague import is_colleague, likely_names
from routing.guard import check_header
from routing.lookalike import judge_lookalikes
from routing.mime_parts import MimeParts
from routing.policy import Policy
from routing.spoof import claimed_addresses, judge_claims
from routing.trust import TrustClaims, judge_trust
from routing.verdicts import Allow
from store.services.skeletons import skeleton
from tests.unit.ordinary_mails import Mail, incoming, outgoing
from tests.unit.sample_site import DIRECTORY

MANY = 1000
JOHN = "john@brand-a.test"
IDS = frozenset({"mx.brand-a.test", "brand-a.test"})
POLICY = Policy(authserv_ids=IDS)


def test_authors() -> None:
    wrong = [
        (mail.fields[1], verdict)
        for mail in outgoing(MANY)
        if (verdict := check_header(DIRECTORY, POLICY, JOHN, mail.fields)) != Allow()
    ]
    assert wrong == []


def test_trust() -> None:
    keys = 0
    for mail in outgoing(MANY):
        claims = TrustClaims(IDS)
        for field in mail.fields:
            claims.add(field.name, field.value)
        keys += len(claims.keys)
        assert judge_trust(DIRECTORY, POLICY, JOHN, claims) is None, mail.raw
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
        assert judge_invitations(DIRECTORY, POLICY, JOHN, parts, found) is None, mail.raw
    assert claimed > MANY // 10


def test_outside_mail() -> None:
    names = 0
    for mail in incoming(MANY):
        claimed = claimed_addresses(mail.fields[1].value)
        assert judge_claims(DIRECTORY, claimed) is None
        tenants = ["brand-a.test", "brand-b.test", "xn--bcher-kva.test"]
        assert judge_lookalikes(DIRECTORY, claimed, tenants, skeleton) is None, mail.fields[1]
        likely = likely_names(mail.fields[1].value)
        names += bool(likely)
        assert not is_colleague(DIRECTORY, likely, "brand-a.test")
    assert names > MANY // 10
