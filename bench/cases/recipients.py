"""The recipients bench: what each further recipient of a message costs.

One connection, messages of 1, 10, 100 and 1,000 recipients, all of them aliases; the last step counts them out: the
cost of a message with many recipients less that of one with a single one, for each of the others. The CPU time is the
filter's; the time on the clock is that of the whole message, which includes the client and Redis.
"""

from dataclasses import dataclass

from bench.load.cpu import Stopwatch
from bench.load.filling import fill
from bench.load.player import play
from bench.load.site import BenchSite, process_of
from bench.report.figures import Figure, Goal, Scale

_ALIASES = 100_000
_COUNTS = (1, 10, 100, 1000)


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one message, in microseconds."""

    cpu: float
    clock: float


def measure(scale: Scale) -> list[Figure]:
    """Return the cost of a message by its number of recipients, and of each further one, in microseconds."""
    aliases = scale.of(2000, _ALIASES)
    counts = _COUNTS[: scale.of(2, len(_COUNTS))]
    with BenchSite("sqlite") as site:
        fill(site.database, aliases)
        site.start_relay()
        milter = process_of(site.start_milter())
        play(site.milter, aliases, scale.of(5, 500), connections=1)  # warm
        costs = {count: _cost(site, milter, aliases, count, _messages(scale, count)) for count in counts}
    return [figure for count, cost in costs.items() for figure in _figures(count, cost, costs[1])]


def _messages(scale: Scale, recipients: int) -> int:
    """Return how many messages of this size: about the same number of recipients in all."""
    return max(10, scale.of(20, 20_000) // (recipients + 4))


def _cost(site: BenchSite, milter: int, aliases: int, recipients: int, messages: int) -> _Cost:
    watch = Stopwatch({"milter": milter})
    played = play(site.milter, aliases, messages, connections=1, recipients=recipients)
    return _Cost(1e6 * watch.seconds()["milter"] / messages, 1e6 / played.per_second)


def _figures(count: int, cost: _Cost, single: _Cost) -> list[Figure]:
    whole = Figure(f"recipients.message_of_{count}_cpu_us", cost.cpu, "us")
    if count == 1:
        return [whole]
    extra_cpu, extra = (
        (many - one) / (count - 1) for many, one in ((cost.cpu, single.cpu), (cost.clock, single.clock))
    )
    goal = Goal(60) if count == _COUNTS[-1] else None
    return [
        whole,
        Figure(f"recipients.extra_of_{count}_cpu_us", extra_cpu, "us", goal),
        Figure(f"recipients.extra_of_{count}_clock_us", extra, "us"),
    ]
