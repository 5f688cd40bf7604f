"""Many names of one mailbox are one copy, as long as Postfix hands them over together."""

from collections.abc import Iterator

import pytest

from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import Dialogue
from tests.mail.headers import delivered_to
from tests.mail.world import JOHN, MARY, fill

LIMIT = "lmtp_destination_recipient_limit"
CATCH_ALL = [f"any-{number}@brand-b.test" for number in range(30)]  # John's
OTHERS = [f"many-{number}@brand-a.test" for number in range(80, 102)]  # Mary's


@pytest.fixture(scope="module")
def site(needs_root: None) -> Iterator[PrivateSite]:
    """A site where the LMTP edge delivers."""
    with PrivateSite(fill, into_sink=True, delivery="agent") as started:
        yield started


def copies(site: PrivateSite, mailbox: str) -> list[int]:
    """How many names each copy of a mailbox shows, the most first."""
    site.postfix.wait_until_idle()
    found = [each for each in site.mailboxes.deliveries if each.recipients == (mailbox,)]
    return sorted((len(delivered_to(each.content)) for each in found), reverse=True)


@pytest.mark.parametrize(("limit", "of_john"), [("1000", [30]), ("50", [28, 2])])
def test_names_of_one_mailbox(site: PrivateSite, limit: str, of_john: list[int]) -> None:
    """Postfix sorts recipients by domain and hands over so many at a time: 22 of Mary and 28 of John, then the rest."""
    site.postfix.extra = {**site.postfix.extra, LIMIT: limit}
    site.postfix.configure()
    site.postfix.reload()
    with Dialogue(site.postfix.inbound_port) as smtp:
        assert smtp.mail([f"<{name}>" for name in (*CATCH_ALL, *OTHERS)])[-1].startswith("250")
    assert copies(site, JOHN) == of_john
    assert copies(site, MARY) == [len(OTHERS)]


def test_a_thousand_names(site: PrivateSite) -> None:
    site.postfix.extra = {**site.postfix.extra, LIMIT: "1000"}
    site.postfix.configure()
    site.postfix.reload()
    with Dialogue(site.postfix.inbound_port) as smtp:
        assert smtp.mail([f"<any-{number}@brand-b.test>" for number in range(1000)])[-1].startswith("250")
    assert copies(site, JOHN) == [1000]
