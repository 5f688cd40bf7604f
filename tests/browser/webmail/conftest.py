"""A whole site with a Roundcube over it, started once."""

from collections.abc import Iterator

import pytest

from byname.sandbox.requirements import WEBMAIL, missing_packages
from byname.sandbox.site import PrivateSite
from store.services import mailboxes
from store.sql.database import Database
from tests.mail.conftest import leave_out, needs_root
from tests.mail.world import JOHN, fill

__all__ = ["needs_root"]


@pytest.fixture(scope="session")
def needs_webmail(needs_root: None) -> None:
    """Skip where Roundcube is not installed, and say so; fail where CI promises that it is."""
    if missing := missing_packages(WEBMAIL):
        leave_out(f"not installed: {' '.join(missing)}")


@pytest.fixture(scope="session")
def site(needs_webmail: None) -> Iterator[PrivateSite]:
    """The names of ``tests.mail.world``, delivered by ``byname lmtp`` into Dovecot; John's mailbox has a name."""
    with PrivateSite(_fill, delivery="agent", api=True, filters=True, webmail=True) as started:
        yield started


def _fill(database: Database) -> dict[str, str]:
    passwords = fill(database)
    with database.write() as tx:
        mailboxes.update(tx, JOHN, display_name="John O'Doe")
    return passwords
