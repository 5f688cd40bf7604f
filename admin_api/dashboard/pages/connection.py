"""``/mailboxes/{id}/connection``: what to type into mail programs, filled in for this mailbox and its aliases."""

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.responses import Response

from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.mail_programs import commands, sieve
from admin_api.site import Clients
from conf.clients import Server
from store.services import aliases, mailbox_facts, mailboxes
from store.services.views import Alias, Mailbox

# Setting: what is missing without it.
_NEEDED = (("imap", "where mail is read"), ("submission", "where mail is sent"))


@dataclass(frozen=True, slots=True)
class Name:
    """An alias of the mailbox, and why mail cannot be sent from it, if it cannot."""

    alias: Alias
    obstacle: str | None  # disabled, domain-off, send-off

    @property
    def address(self) -> str:
        """It, in A-labels."""
        return self.alias.address


def show(visit: Visit, mailbox_id: int) -> Response:
    """Show the page; ``alias`` in its address says which one the steps are for."""
    visit.check_mailbox(mailbox_id)
    with visit.reading() as tx:
        mailbox = mailboxes.get(tx, mailbox_id)
        found = aliases.list_all(tx, mailbox=mailbox_id)
        off = mailbox_facts.switched_off(tx, {alias.domain_id for alias in found})
    names = [Name(alias, _obstacle(alias, off)) for alias in found]
    senders = [name.address for name in names if name.obstacle is None]
    clients, sender = visit.site.clients, _chosen(names, visit.request.query_params.get("alias", ""))
    delimiter = visit.site.explaining.policy.recipient_delimiter
    return visit.page(
        "connection.html",
        mailbox=mailbox,
        clients=clients,
        servers=_servers(clients),
        missing=_missing(clients),
        names=names,
        senders=senders,
        sender=sender,
        commands=_commands(clients, mailbox, sender or mailbox.address),
        folders=sieve.folders(alias.address for alias in found),
        script=sieve.script((alias.address for alias in found), delimiter),
    )


def _obstacle(alias: Alias, switched_off: Iterable[int]) -> str | None:
    """Return what keeps mail from being sent from an alias (docs/design.md, section 4, rows 5 and 6)."""
    if not alias.is_active:
        return "disabled"
    if alias.domain_id in switched_off:
        return "domain-off"
    return None if alias.can_send else "send-off"


def _chosen(names: Iterable[Name], wanted: str) -> str | None:
    """Return the alias that the steps are for: the one that was asked for, else the first; None if none may send."""
    senders = {str(name.alias.id): name.address for name in names if name.obstacle is None}
    return senders.get(wanted) or next(iter(senders.values()), None)


def _servers(clients: Clients) -> list[tuple[str, str, Server]]:
    """Return the servers to type in: a mark, what it is for, and where it is; first the better one to send by."""
    found = (
        ("imap", "Incoming mail (IMAP)", clients.imap),
        ("submissions", "Outgoing mail (SMTP)", clients.submissions),
        ("submission", "Outgoing mail (SMTP)", clients.submission),
    )
    return [(key, word, server) for key, word, server in found if server is not None]


def _missing(clients: Clients) -> list[tuple[str, str]]:
    """Return the settings without which this page cannot say all, and what each is for."""
    there = {"imap": clients.imap, "submission": clients.submissions or clients.submission}
    return [(key, purpose) for key, purpose in _NEEDED if there[key] is None]


def _commands(clients: Clients, mailbox: Mailbox, sender: str) -> list[tuple[str, str, str]]:
    """Return commands that send a mail to the mailbox itself: a mark, what runs it, and its text."""
    server = clients.submissions or clients.submission
    if server is None:
        return []
    given = (server, mailbox.address, sender, mailbox.address)
    return [
        ("swaks", "A command, with swaks (it asks for the password)", commands.swaks(*given)),
        ("python", "A program in Python (it asks for the password)", commands.snippet(*given)),
    ]


ROUTES = (Route("GET", "/mailboxes/{mailbox_id:id}/connection", show),)
