"""The table of From fields through a real Postfix on submission: the reply to the whole message, word by word."""

import pytest

from byname.rig.site import PrivateSite
from routing.header_refused import REASONS
from tests.mail.dialogue import logged_in, submit
from tests.unit.from_cases import CASES, HEADERS, JOHN, Case

SHARES = 6  # of the table; each is one connection, so that a failure leaves the others
HOW_IT_BEGINS = {
    "owned": "250 2.0.0 Ok: queued as ",
    "sender-not-owned": "550 5.7.1 <{address}>: Sender address rejected: not owned by user " + JOHN,
    **{slug: f"550 5.7.1 Sender address rejected: {text}" for slug, text in REASONS.items()},
}


def expected(rule: str, address: str) -> str:
    return HOW_IT_BEGINS[rule].format(address=address)


def told(case: Case) -> str:
    return expected(case.by_postfix or case.rule, case.address)


@pytest.mark.parametrize("share", range(SHARES))
def test_values(site: PrivateSite, share: int) -> None:
    wrong = []
    with logged_in(site, JOHN) as client:
        for case in CASES[share::SHARES]:
            reply = submit(client, f"<{JOHN}>", b"Subject: x\r\nFrom:" + case.value)
            if not reply.startswith(told(case)):
                wrong.append((case.id, told(case), reply))
    assert wrong == []


def test_headers(site: PrivateSite) -> None:
    wrong = []
    with logged_in(site, JOHN) as client:
        for header, rule, by_postfix in HEADERS:
            reply = submit(client, "<>", header)
            if not reply.startswith(expected(by_postfix or rule, "ceo@bank.test")):
                wrong.append((header, by_postfix or rule, reply))
    assert wrong == []
