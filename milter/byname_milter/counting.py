"""Counting the mails to aliases: once for each message and name, whatever comes of that.

Accepted ones at end of message, when nothing here can refuse them any more; refused ones when they are, by the alias
that the refusal names. What is asked to come again (451) is not counted: it comes again.
"""

from byname_milter.message import Message
from byname_milter.site import Site
from routing.verdicts import Defer, Deliver, Reject


def count_accepted(site: Site, message: Message) -> None:
    """Count a message that is accepted, for each alias among its recipients."""
    if site.counts is None or not site.counts_accepted or not message.hosted:
        return
    found = [accepted.verdict.alias for accepted in message.accepted if isinstance(accepted.verdict, Deliver)]
    for alias in found if len(found) == 1 else dict.fromkeys(found):
        if alias is not None:
            site.counts.accepted(alias, message.path)


def count_refused(site: Site, message: Message, refusal: Reject | Defer) -> None:
    """Count a recipient that is refused for good, if that is an alias."""
    if site.counts is None or isinstance(refusal, Defer) or refusal.alias is None:
        return
    if (refusal.alias, refusal.rule) not in message.refused:
        message.refused |= {(refusal.alias, refusal.rule)}
        site.counts.refused(refusal.alias, refusal.rule, message.path)
