"""The memory bench: what a milter process holds after many messages. It should not grow.

Ten connections at a time, one message each; the memory is that of the process (RSS), looked at after a tenth, a half
and all of the messages. The first tenth fills pools and caches; growth is counted from there.
"""

from bench.load.cpu import rss_bytes
from bench.load.filling import fill
from bench.load.player import play
from bench.load.site import BenchSite, process_of
from bench.report.figures import Figure, Goal, Scale

_MESSAGES, _ALIASES, _CONNECTIONS = 100_000, 10_000, 10
_AT = (0.1, 0.5, 1.0)  # of the messages
_MIB = 2**20


def measure(scale: Scale) -> list[Figure]:
    """Return the memory in MiB after each stretch, and how much it grew from the first to the last."""
    messages, aliases = scale.of(200, _MESSAGES), scale.of(1000, _ALIASES)
    held: list[tuple[int, float]] = []
    with BenchSite("sqlite") as site:
        fill(site.database, aliases)
        site.start_relay()
        milter = process_of(site.start_milter())
        before = 0
        for share in _AT:
            count = int(share * messages)
            play(site.milter, aliases, count - before, connections=_CONNECTIONS)
            held.append((count, rss_bytes(milter) / _MIB))
            before = count
    growth = held[-1][1] - held[0][1]
    stretches = [Figure(f"memory.after_{count}_mib", mib, "MiB") for count, mib in held]
    return [*stretches, Figure("memory.growth_mib", growth, "MiB", Goal(2))]
