"""The changes to a message, made at end of message and nowhere else."""

from collections.abc import Sequence

from byname_milter.envelope import forms_to_remove
from byname_milter.mta import Mta
from routing.delivery import Addition
from routing.trace import DELIVERED_TO, TRACE, Findings


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


def insert_on_top(mta: Mta, fields: Sequence[tuple[str, str]]) -> None:
    """Insert fields above all others, in the given order.

    The leading space is ours to give, for header_leading_space takes values as they are. Values are canonical
    addresses and traces, which hold no control characters: addheader itself would let CR and LF through (docs/facts.md,
    "Milter and Postfix").
    """
    for name, value in reversed(fields):
        mta.addheader(name, f" {value}", 0)
