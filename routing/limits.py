"""What any one message may cost a milter: the bounds, and the refusals of what goes beyond.

An MTA makes each change of a message by reading its queue file from the start, so many changes cost more than the
square of their number: Postfix 3.7 panicked over 14,000 removed fields. ``docs/reliability.md``, "What any one message
can cost", holds the measurements.
"""

from functools import lru_cache

from routing.handover import MOST_FIELDS
from routing.policy import Policy
from routing.replies import reply
from routing.trace import Findings, TraceFields
from routing.verdicts import Defer, Reject

MOST_NAMES = 1000  # hosted recipients of one message; Postfix's smtpd_recipient_limit is as much by default
MOST_VOUCHED = 2000  # Delivered-To fields that may be our own, from earlier passes of the message
MOST_NOTICES = 50  # X-Byname-Notice fields of strangers
MOST_FROM_OCTETS = 64 * 1024  # in all From fields of outside mail; Postfix hands a milter 59 kB of one at most

TOO_MANY_RECIPIENTS = Defer(reply("too-many-recipients"), "too-many-recipients")  # RFC 5321 section 4.5.3.1.10
TOO_MANY_NAMES = Reject(reply("too-many-names"), "too-many-names")
TOO_MANY_FIELDS = Reject(reply("too-many-stripped-fields"), "too-many-stripped-fields")
MALFORMED_NAME = Reject(reply("malformed-field-name"), "malformed-field-name")

_LONGEST_REMEMBERED = 64  # characters of a field name
_NAME = frozenset(chr(octet) for octet in range(33, 127)) - {":"}  # RFC 5322 section 2.2


def most_actions(policy: Policy) -> int:
    """Return how many changes a milter makes to any one message.

    For each name a removal, of a source route two, and an added mailbox; a Delivered-To for each name and a trace over
    them, when all are one mailbox's; the fields of strangers; hand-overs; and, where colleagues' names are marked, the
    marks.
    """
    notices = MOST_NOTICES + 1 if policy.colleague_names == "mark" else 0
    return 3 * MOST_NAMES + 2 + policy.max_stripped_fields + notices + MOST_FIELDS


def new_trace_fields(policy: Policy) -> TraceFields:
    """Return the trace fields of a milter, which keeps no more fields than it may have to look at."""
    return TraceFields(MOST_VOUCHED + policy.max_stripped_fields)


def judge_field_name(name: str) -> Reject | None:
    """Refuse a field name that no mail may have; blanks behind it are an old habit (RFC 5322 section 4.5)."""
    return _judged_before(name) if len(name) <= _LONGEST_REMEMBERED else _judge_name(name)


def _judge_name(name: str) -> Reject | None:
    plain = name.rstrip(" \t")
    return None if plain and _NAME.issuperset(plain) else MALFORMED_NAME


_judged_before = lru_cache(512)(_judge_name)  # every message has the same few names


def judge_stripping(policy: Policy, fields: TraceFields, findings: Findings) -> Reject | None:
    """Refuse a message with more fields to remove than ``max_stripped_fields``."""
    return TOO_MANY_FIELDS if fields.is_too_long or findings.removals > policy.max_stripped_fields else None
