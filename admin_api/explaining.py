"""Explanations for REST and the dashboard: the milter's own code, and nothing in them that is another account's.

First the domains that a question is about (:func:`domains_of_recipient` and its like), then whether they are the
asker's (:func:`require_own`), then the question, then :func:`without_foreign`.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from admin_api.site import Explaining
from routing.address import Address, AddressSyntaxError, parse_path
from routing.directory import Directory
from routing.explain import Comparison, Explanation, compare, explain_recipient, explain_sender
from routing.explain_message import explain_submitted
from routing.policy import Policy
from routing.raw_message import read_message
from routing.sender import canonical_login
from store.errors import ServiceError
from store.services import domains
from store.sql.database import Transaction

Asked = Callable[[Directory], Explanation]


def domains_of_recipient(text: str) -> set[str]:
    """Return the domain whose facts an explanation of this recipient shows."""
    return _domains(_parsed(text))


def domains_of_sender(policy: Policy, login: str, sender: str) -> set[str]:
    """Return the domains whose facts an explanation of this sender shows."""
    return _domains(canonical_login(policy, login)) | _domains(_parsed(sender))


def domains_of_login(policy: Policy, login: str) -> set[str]:
    """Return the domain whose facts an explanation of a message of this login shows.

    Those of the authors are not asked about: whoever they belong to, an address that the login does not own is answered
    in the same words. That a domain is hosted here may show (``display_name_addresses = hosted``), as it does to
    everybody at port 25.
    """
    return _domains(canonical_login(policy, login))


def require_own(tx: Transaction, wanted: Iterable[str]) -> None:
    """Refuse domains that another account may have proved: its names would show.

    Raises:
        ServiceError: ``domain-not-yours``, ``domain-not-active``.
    """
    for name in sorted(wanted):
        try:
            found = domains.get(tx, name)
        except ServiceError:
            raise ServiceError("domain-not-yours", f"{name} is not a domain of this account") from None
        if found.verified_at is None:
            raise ServiceError("domain-not-active", f"the domain {name} is not verified yet")


def explained_recipient(site: Explaining, text: str, sender: str | None = None) -> Comparison:
    """Explain what happens to a mail for ``text``, from ``sender`` if he is named."""
    at = time.time()  # the same for each backend
    return _compared(site, lambda directory: explain_recipient(directory, site.policy, text, at, sender))


def explained_sender(site: Explaining, login: str, sender: str) -> Comparison:
    """Explain whether ``login`` may use ``sender``."""
    at = time.time()
    return _compared(site, lambda directory: explain_sender(directory, site.policy, login, sender, at))


def explained_message(site: Explaining, login: str, raw: bytes) -> Comparison:
    """Explain whether ``login`` may send a message with this header."""
    message, at = read_message(raw), time.time()
    return _compared(site, lambda directory: explain_submitted(directory, site.policy, login, message, at))


def without_foreign(comparison: Comparison, policy: Policy, own: set[str]) -> Comparison:
    """Leave out what is known of the site's own postmaster, the one mailbox of others that a decision may look at."""
    postmaster = policy.postmaster
    if postmaster is None or postmaster.domain in own:
        return comparison
    return Comparison(
        _cleaned(comparison.found, postmaster),
        None if comparison.by_cache is None else _cleaned(comparison.by_cache, postmaster),
        _cleaned(comparison.by_sql, postmaster),
    )


def _cleaned(found: Explanation, postmaster: Address) -> Explanation:
    steps = tuple(step for step in found.steps if step.looked_up != f"name {postmaster}")
    is_there = found.mailbox is not None and found.mailbox.domain == postmaster.domain
    return replace(found, steps=steps, mailbox=None if is_there else found.mailbox)


def _compared(site: Explaining, ask: Asked) -> Comparison:
    return compare(ask, site.deciding, site.cache, site.sql)


def _parsed(text: str) -> Address | None:
    try:
        return parse_path(text)
    except AddressSyntaxError:
        return None


def _domains(address: Address | None) -> set[str]:
    return set() if address is None else {address.domain}
