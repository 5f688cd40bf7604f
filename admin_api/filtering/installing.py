"""One mailbox's script brought to the server: seen, planned, done."""

from admin_api.filtering.client import Server, Session, session
from admin_api.filtering.planning import Activate, Plan, Put, Seen, Step, Wanted, plan


def install(server: Server, mailbox: str, wanted: Wanted) -> Plan:
    """Do what is to be done for ``mailbox``, and return the plan that was carried out.

    Half a plan does no harm: what is left is planned again from what the server has then.

    Raises:
        ServerUnreachable, NoAnswer, LoginRefused, CommandRefused: see :mod:`admin_api.filtering.errors`.
    """
    with session(server, mailbox) as opened:
        made = plan(_seen(opened, wanted.name), wanted)
        for step in made.steps:
            _do(opened, step)
    return made


def _seen(opened: Session, name: str) -> Seen:
    listing = opened.scripts()
    ours = opened.content(name) if name in listing.names else None
    return Seen(listing.names, listing.active, ours)


def _do(opened: Session, step: Step) -> None:
    if isinstance(step, Put):
        opened.put(step.name, step.content)
    elif isinstance(step, Activate):
        opened.activate(step.name)
    else:
        opened.delete(step.name)
