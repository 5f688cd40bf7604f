"""Why a goal is missed, for docs/performance.md: what was looked into, and what the difference is made of."""

from collections.abc import Iterator, Mapping, Sequence

from bench.report.figures import Figure, met

# By the beginning of a figure's name; the first that fits. Measured where docs/facts.md says so.
_REASONS: Mapping[str, str] = {
    "mta.": (
        "A message that a filter sees costs Postfix itself some hundred µs more, whatever the filter does: the filter's"
        " sockets, macros and answers. Of the filter's own share half to two thirds is the kernel's, for libmilter's"
        " polls and wake-ups, and two fifths Python's. An engine of Byname's own in libmilter's place gained a fifth of"
        " what it was to gain; so pymilter stayed"
    ),
    "milter.": (
        "The C filter asks the same Redis and does nothing else. Byname's has the deadlines, the fallback to SQL, the"
        " address rules, the log line, the metrics and the counts on top, in Python; its profile is flat"
    ),
    "peers.": (
        "Filters of others ask one question of their own Redis and trust the answer: no deadline, no fallback, no"
        " evidence that the cache is fresh; the policy service never sees the message and rspamd refuses it only as a"
        " whole"
    ),
    "recipients.": (
        "Of what a further recipient costs two fifths lie outside Python: libmilter's events, and Redis's answer. The"
        " rest is the look-up with its rules, and the two calls that replace a name by its mailbox"
    ),
    "counts.": "Counting is a look into a table for each message, and a batch for Redis every two seconds",
    "memory.": (
        "Counts of mails wait two seconds for their hand-over, with room for 10,000 names and their senders. With"
        " counting switched off the same run grew by 0.34 MiB"
    ),
    "rebuild.postgresql": ("The rows come over one connection, and one process makes values of them"),
    "api.": (
        "A change is one transaction, with its check, its audit line and its outbox rows, and writers take turns with"
        " the number of their change; requests are read and answered by one Python process. docs/scaling.md has the sum"
    ),
    "relay.": "A change waits for the relay's step, and on a busy machine for a processor",
    "messages.": (
        "What a message costs over HTTP besides smtplib: it is kept, with its key, before it is answered, and its"
        " outcome is kept again, so that it is sent once and never lost. docs/messages.md has a newer figure"
    ),
    "propagation.": "A change waits for the relay to be woken, and on a busy machine for a processor",
    "pages.": "A page is made for each request, from the rows as they are",
    "scale.": "Caches of the processor hold less of a large store",
}


def reasons(figures: Sequence[Figure]) -> Iterator[tuple[str, str]]:
    """Return why goals are missed in this run: the names of the figures, and the reason."""
    missed: dict[str, list[str]] = {}
    for figure in figures:
        if figure.goal and met(figure) == "not met":
            missed.setdefault(_reason(figure.name), []).append(f"`{figure.name}`")
    for reason, names in missed.items():
        yield ", ".join(names), reason


def _reason(name: str) -> str:
    found = (reason for beginning, reason in _REASONS.items() if name.startswith(beginning))
    return next(found, "not looked into")
