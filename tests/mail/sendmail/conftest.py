"""Two sites around a private Sendmail, each started once."""

from collections.abc import Iterator

import pytest

from tests.mail.conftest import leave_out
from tests.mail.sendmail.instance import SENDMAIL
from tests.mail.sendmail.site import SendmailSite


@pytest.fixture(scope="session")
def needs_sendmail(needs_namespaces: None) -> None:
    """Skip, or fail where CI promises it, without the unpacked Sendmail. It has a name service of its own."""
    if not SENDMAIL.exists():
        leave_out("no Sendmail in .venv/sendmail; run: make packages-test")


@pytest.fixture(scope="session")
def edge_site(needs_sendmail: None) -> Iterator[SendmailSite]:
    """The sample as it stands: delivery through ``byname lmtp``."""
    with SendmailSite() as started:
        yield started


@pytest.fixture(scope="session")
def milter_site(needs_sendmail: None) -> Iterator[SendmailSite]:
    """The milter replaces the names, and Sendmail hands mail to the mailbox server itself."""
    with SendmailSite(delivery="milter") as started:
        yield started


@pytest.fixture
def edge(edge_site: SendmailSite) -> SendmailSite:
    """The first, with empty sinks."""
    edge_site.clear()
    return edge_site


@pytest.fixture
def milter(milter_site: SendmailSite) -> SendmailSite:
    """The second, with empty sinks."""
    milter_site.clear()
    return milter_site


@pytest.fixture(params=["edge_site", "milter_site"])
def either(request: pytest.FixtureRequest) -> SendmailSite:
    """Both in turn, with empty sinks."""
    site: SendmailSite = request.getfixturevalue(request.param)
    site.clear()
    return site
