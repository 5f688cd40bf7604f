"""An address that a password manager just got: the mail server takes mail for it at once."""

from collections.abc import Iterator

import pytest

from byname.sandbox.site import PrivateSite
from tests.api.wires import CLIENTS, ask, request_of
from tests.mail.dialogue import Dialogue
from tests.mail.headers import delivered_to
from tests.mail.world import JOHN, fill


@pytest.fixture(scope="module")
def site(needs_root: None) -> Iterator[PrivateSite]:
    """A site with the API, Redis and the relay."""
    with PrivateSite(fill, into_sink=True, api=True, cache=True) as started:
        yield started


def test_the_first_mail_to_what_each_client_reads(site: PrivateSite) -> None:
    made = site.run("token", "create", "--mailbox", JOHN, "--scope", "aliases:write")
    host, token, read = site.api_url.split("/")[2], made.stdout.strip(), []
    with Dialogue(site.postfix.inbound_port) as smtp:
        for client in CLIENTS:
            got = ask(site.api_url, request_of(client, host, token, "brand-b.test"))
            kind, address = client.read(got)
            assert (got.status, kind, got.headers["byname-propagation"]) == (201, "alias", "live"), client.name
            assert smtp.mail([f"<{address}>"])[-1].startswith("250 2.0.0"), client.name
            read.append(address)
    arrived = site.mailboxes.wait_for(len(CLIENTS))
    assert {one.recipients for one in arrived} == {(JOHN,)}
    assert sorted(name for one in arrived for name in delivered_to(one.content)) == sorted(read)
