"""Counts of mail on their way from a mail process to SQL: a batch, and how it is written.

In Redis a batch is an entry of the stream ``byname:{cache}:counts``, with one field, ``b``: JSON

    {"id": "...", "counts": [[local, domain, rule, day, mails, last]], "senders": [[local, domain, path, a, r, last]]}

``rule`` is "" for accepted mail, ``day`` counts the days since 1970 in UTC, ``last`` is in seconds since then; ``path``
is an envelope sender as the client typed it, ``a`` and ``r`` how many of its mails were accepted and refused. Whoever
reads a batch merges it once: that is what its id is for. The key has no format number in it, unlike those of
:mod:`store.wire_format.layout`: what is counted while formats change is merged all the same.
"""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from store.wire_format.layout import TAG

STREAM = TAG + "counts"
FIELD = "b"
MOST_BATCHES = 5000  # in the stream; with more the oldest go
MOST_COUNTS = 200  # of each kind in one batch: about 20 kB
LONGEST_SENDER = 320
_LONGEST_ID, _LONGEST_RULE = 32, 40
_LARGEST = 2**31 - 1


class UnreadableBatch(Exception):
    """An entry that no Byname wrote, or one of another version."""


class NameCount(NamedTuple):  # a tuple, for it is made and written for every mail
    """Mails to one name on one day that came to the same end."""

    local: str
    domain: str
    rule: str  # "": accepted, else the rule that refused them
    day: int  # since 1970, UTC
    mails: int
    last: float  # seconds since 1970


class SenderCount(NamedTuple):
    """Mails from one envelope sender to one name."""

    local: str
    domain: str
    path: str  # as the client typed it
    accepted: int
    refused: int
    last: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Batch:
    """Counts that are merged together, once."""

    id: str
    counts: tuple[NameCount, ...]
    senders: tuple[SenderCount, ...] = ()


def written(batch: Batch) -> str:
    """Return a batch as ASCII text."""
    return json.dumps({"id": batch.id, "counts": batch.counts, "senders": batch.senders}, separators=(",", ":"))


def read_batch(text: bytes | None) -> Batch:
    """Return a batch from its text. Raises UnreadableBatch."""
    try:
        found = json.loads(text or b"")
        counts = tuple(NameCount(*_checked(row)) for row in found["counts"])
        senders = tuple(SenderCount(*_checked(row)) for row in found["senders"])
        for text, longest in ((found["id"], _LONGEST_ID), *((count.rule, _LONGEST_RULE) for count in counts)):
            _check_length(text, longest)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnreadableBatch(str(error)) from error
    return Batch(found["id"], counts, senders)


def _check_length(text: Any, longest: int) -> None:
    if not isinstance(text, str) or len(text) > longest:
        raise ValueError("no text of that length")


def _checked(row: Any) -> list[Any]:
    """Return a row whose texts are texts and whose numbers can be stored."""
    *texts, first, second, last = row
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a row of the wrong kind")
    if not all(type(number) is int and 0 <= number <= _LARGEST for number in (first, second)) or not 0 <= last <= 2**40:
        raise ValueError("a number out of range")
    return [*texts, first, second, last]
