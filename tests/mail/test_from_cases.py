"""The table of From fields through a real Postfix on submission: the reply to the whole message, word by word."""

import pytest

from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import logged_in, submit
from tests.unit.from_cases import CASES, HEADERS, JOHN, reply_to

SHARES = 6  # of the table; each is one connection, so that a failure leaves the others


@pytest.mark.parametrize("share", range(SHARES))
def test_values(site: PrivateSite, share: int) -> None:
    wrong = []
    with logged_in(site, JOHN) as client:
        for case in CASES[share::SHARES]:
            reply = submit(client, f"<{JOHN}>", b"Subject: x\r\nFrom:" + case.value)
            if not reply.startswith(reply_to(case.by_postfix or case.rule, case.address)):
                wrong.append((case.id, case.by_postfix, reply))
    assert wrong == []


def test_headers(site: PrivateSite) -> None:
    wrong = []
    with logged_in(site, JOHN) as client:
        for header, rule, by_postfix in HEADERS:
            reply = submit(client, "<>", header)
            if not reply.startswith(reply_to(by_postfix or rule, "ceo@bank.test")):
                wrong.append((header, by_postfix or rule, reply))
    assert wrong == []
