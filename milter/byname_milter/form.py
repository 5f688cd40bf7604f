"""What a message is refused for whoever sent it: the names of its fields, and what would be too much to change."""

import time

from byname_milter.message import Message
from byname_milter.site import Site
from routing.limits import MOST_NAMES, judge_stripping
from routing.trace import Findings
from routing.verdicts import Reject


def findings(site: Site, message: Message) -> Findings:
    """Tell the Delivered-To fields that are ours from those of strangers."""
    return message.trace_fields.judge(site.trace_key, time.time())


def strips(site: Site, message: Message) -> bool:
    """Whether strangers' fields go from this message here. The LMTP edge sees no copy that leaves."""
    return bool(message.hosted) and (site.strips or message.leaves_too)


def judge_form(site: Site, message: Message) -> Reject | None:
    """Return why a header is refused. What makes it so was noted as each field came, and no more was kept."""
    if message.malformed or not strips(site, message):
        return message.malformed
    return judge_stripping(site.policy, message.trace_fields, findings(site, message))


def names_left(site: Site, message: Message) -> int:
    """Return how many more hosted recipients can be changed in this message; there is no bound where none is."""
    return MOST_NAMES - (message.hosted if site.delivery == "milter" else 0)
