"""Explanations for the API: the milter's own code, and nothing in them that is another account's."""

from collections.abc import Callable
from dataclasses import replace

from admin_api.site import Explaining
from routing.address import Address, AddressSyntaxError, parse_path
from routing.directory import Directory
from routing.explain import Comparison, Explanation, compare, explain_recipient, explain_sender
from routing.policy import Policy
from routing.sender import canonical_login

Asked = Callable[[Directory], Explanation]


def domains_of_recipient(text: str) -> set[str]:
    """Return the domain whose facts an explanation of this recipient shows."""
    return _domains(_parsed(text))


def domains_of_sender(policy: Policy, login: str, sender: str) -> set[str]:
    """Return the domains whose facts an explanation of this sender shows."""
    return _domains(canonical_login(policy, login)) | _domains(_parsed(sender))


def explained_recipient(site: Explaining, text: str) -> Comparison:
    """Explain what happens to a mail for ``text``."""
    return _compared(site, lambda directory: explain_recipient(directory, site.policy, text))


def explained_sender(site: Explaining, login: str, sender: str) -> Comparison:
    """Explain whether ``login`` may use ``sender``."""
    return _compared(site, lambda directory: explain_sender(directory, site.policy, login, sender))


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
