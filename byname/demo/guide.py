"""What a person can try while the demo stays up: addresses, ports, logins, and commands that work as they stand."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from byname.demo.agents import configuration
from byname.demo.samples import CUSTOMER, STRANGER
from byname.demo.world import ADMIN, ALIASES, BRAND_B, CAMPAIGN, INFO, JOHN, MARY, OLD_SHOP, SALES
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.requirements import SWAKS, missing_packages
from byname.sandbox.site import PrivateSite


@dataclass(frozen=True, slots=True)
class Trial:
    """A command to try, and a piece of what it will print."""

    about: str
    command: tuple[str, ...]
    prints: str


def trials(site: PrivateSite) -> list[Trial]:
    """Return commands that work as they stand, in any order, as long as nothing else was changed."""
    inbound = _swaks(site.postfix.inbound_port, "--from", STRANGER)
    starttls = _swaks(site.postfix.submission_port, "--tls", "--auth", "PLAIN")
    tls = _swaks(site.postfix.submissions_port, "--tls-on-connect", "--auth", "PLAIN")
    john = ("--auth-user", JOHN, "--auth-password", site.passwords[JOHN], "--to", CUSTOMER)
    byname = tuple(site.command())
    return [
        Trial("mail to an alias", (*inbound, "--to", SALES), "250 2.0.0 Ok: queued"),
        Trial("mail to an unknown name goes to the catch-all", (*inbound, "--to", f"hello@{BRAND_B}"), "250 2.0.0 Ok"),
        Trial("a disabled alias refuses", (*inbound, "--to", OLD_SHOP), "550 5.1.1"),
        Trial("send as an alias (STARTTLS)", (*starttls, *john, "--from", SALES), "250 2.0.0 Ok: queued"),
        Trial("send as an alias that may not (TLS)", (*tls, *john, "--from", INFO), "553 5.7.1"),
        Trial("send as somebody else", (*starttls, *john, "--from", MARY), "553 5.7.1"),
        Trial("why?", (*byname, "explain", "--login", JOHN, "--from", MARY), "553 5.7.1"),
        Trial("change an alias", (*byname, "alias", "set", CAMPAIGN, "--enable"), CAMPAIGN),
        Trial("see them all", (*byname, "alias", "list"), SALES),
    ]


def _swaks(port: int, *options: str) -> tuple[str, ...]:
    return ("swaks", "--server", f"{LOOPBACK}:{port}", *options)


def _only_there(address: str) -> str:
    return "  (dashboard only: all mailboxes of both brands)" if address == ADMIN else ""


def guide(site: PrivateSite) -> Iterator[str]:
    """Return the lines to show."""
    postfix = site.postfix
    yield "The mail system runs. Nothing of it listens beyond this machine."
    yield ""
    yield f"  inbound (25's stand-in)       {LOOPBACK}:{postfix.inbound_port}"
    yield f"  submission, STARTTLS (587)    {LOOPBACK}:{postfix.submission_port}"
    yield f"  submissions, TLS (465)        {LOOPBACK}:{postfix.submissions_port}"
    yield f"  IMAP, to read the mailboxes   {LOOPBACK}:{site.dovecot.imap_port}"
    yield f"  dashboard, for a browser      {site.dashboard_url}"
    if site.webmail:
        yield f"  webmail, Roundcube            {site.roundcube.url}"
    yield f"  folder, with logs and mail    {site.folder}"
    yield f"  certificate                   {site.certificate.certificate}"
    yield ""
    yield "Logins and passwords, for mail and for the dashboard:"
    yield from (f"  {address:<20} {password}{_only_there(address)}" for address, password in site.passwords.items())
    yield ""
    yield f"Aliases of {JOHN}:"
    yield from (f"  {alias.address:<26} {alias.kind}" for alias in ALIASES)
    yield f"Unknown names at {BRAND_B} go to {MARY}."
    yield ""
    yield "To try:"
    if missing := missing_packages(SWAKS):
        yield f"  # swaks is not complete here: apt-get install {' '.join(missing)}"
    for trial in trials(site):
        yield f"  # {trial.about}"
        yield f"  {shlex.join(trial.command)}"
    yield ""
    yield "For an agent (MCP), one of the two; the token is the account's of both brands, and ends in a day:"
    yield from (f"  {line}" for line in configuration(site).splitlines())
    yield ""
    yield "Ctrl-C stops everything and removes the folder."
