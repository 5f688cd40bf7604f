"""The changes to a message, made at end of message and nowhere else."""

import Milter

from byname_milter.envelope import forms_to_remove
from routing.address import Address
from routing.delivery import Changes

FIELD = "Delivered-To"


def apply(milter: Milter.Base, changes: Changes) -> None:
    """Replace recipients and insert the Delivered-To fields that are due.

    Removal comes first: an MTA that reads a removed and an added form alike must end up with the added one.
    """
    for raw in changes.remove:
        for form in forms_to_remove(raw):
            milter.delrcpt(form)
    for addition in changes.add:
        milter.addrcpt(f"<{addition.address}>", addition.parameters)
    for name in reversed(changes.delivered_to):
        _insert(milter, name)


def strip_delivered_to(milter: Milter.Base, count: int) -> None:
    """Remove every inbound Delivered-To: its sender could steer the owner's filters.

    From the last to the first, because each removal renumbers those after it (an OpenDKIM CVE came from that).
    """
    for ordinal in range(count, 0, -1):
        milter.chgheader(FIELD, ordinal, None)


def _insert(milter: Milter.Base, name: Address) -> None:
    # The leading space is ours to give: header_leading_space takes values as they are. A canonical address holds no
    # control characters, so none can reach the header.
    milter.addheader(FIELD, f" {name}", 0)
