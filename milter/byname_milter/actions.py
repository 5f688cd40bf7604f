"""The changes to a message, made at end of message and nowhere else."""

import time
from collections.abc import Sequence

from byname_milter.envelope import forms_to_remove
from byname_milter.form import strips
from byname_milter.message import Message
from byname_milter.mta import Mta
from byname_milter.site import Site
from routing.delivery import Addition, plan
from routing.handover import HANDOVER
from routing.trace import DELIVERED_TO, TRACE, Findings, delivered_to_fields


def change(mta: Mta, site: Site, message: Message, found: Findings) -> None:
    """Make all changes of a message with hosted recipients: at most ``routing.limits.most_actions``."""
    if strips(site, message):
        strip(mta, found)
    if site.delivery == "agent":
        return  # the delivery step resolves each copy and writes its header
    changes = plan(message.recipients, found.vouched)
    replace_recipients(mta, changes.remove, changes.add)
    shown = delivered_to_fields(site.trace_key, message.trace_fields.message_id, changes.delivered_to, time.time())
    insert_on_top(mta, shown)


def replace_recipients(mta: Mta, remove: Sequence[str], add: Sequence[Addition]) -> None:
    """Replace names by their mailboxes.

    Removal comes first: an MTA that reads a removed and an added form alike must end up with the added one.
    """
    for raw in remove:
        for form in forms_to_remove(raw):
            mta.delrcpt(form)
    for addition in add:
        mta.addrcpt(f"<{addition.address}>", addition.parameters)


def strip(mta: Mta, findings: Findings) -> None:
    """Remove the Delivered-To and trace fields that are not ours.

    From the last to the first, because each removal renumbers those after it (an OpenDKIM CVE came from that).
    """
    for name, ordinals in ((DELIVERED_TO, findings.delivered_to), (TRACE, findings.traces)):
        for ordinal in reversed(ordinals):
            mta.chgheader(name, ordinal, None)


def strip_handovers(mta: Mta, many: int) -> None:
    """Remove the hand-overs of a message (routing.handover), wherever it goes: nobody else is to see one."""
    for ordinal in range(many, 0, -1):
        mta.chgheader(HANDOVER, ordinal, None)


def insert_on_top(mta: Mta, fields: Sequence[tuple[str, str]]) -> None:
    """Insert fields above all others, in the given order.

    The leading space is ours to give, for header_leading_space takes values as they are. Values are canonical
    addresses and traces, which hold no control characters: addheader itself would let CR and LF through (docs/facts.md,
    "Milter and Postfix").
    """
    for name, value in reversed(fields):
        mta.addheader(name, f" {value}", 0)
