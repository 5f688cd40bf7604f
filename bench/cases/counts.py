"""The counts bench: what counting mails to aliases costs on the mail path, and behind it.

Two milters of one site over the same Redis, one with ``[statistics] enabled``, one without, take turns; the CPU time is
that of the milter's process, its hand-over to Redis included. Every message goes to one of 10,000 aliases, by
chance, so that hardly two are counted together, which is the dearest way. The goal is against the message's CPU time in
the filter alone; Postfix, which takes several times that, is not counted in. The relay's time for merging is its own
process's, of the same rounds.
"""

from bench.load.cpu import Stopwatch
from bench.load.filling import fill
from bench.load.player import play
from bench.load.site import BenchSite, process_of
from bench.report.figures import Figure, Goal, Scale, median_of
from byname.sandbox.errors import SandboxError

_ALIASES, _MESSAGES, _ROUNDS, _CONNECTIONS = 10_000, 6_000, 7, 10
_RATE = 600.0  # messages a second
_SETTINGS = "[statistics]\nenabled = false\n"


def measure(scale: Scale) -> list[Figure]:
    """Return the CPU time of a message with and without counting, and its ratio."""
    aliases, messages, rounds = scale.of(1000, _ALIASES), scale.of(60, _MESSAGES), scale.of(1, _ROUNDS)
    found: dict[str, list[float]] = {"counted": [], "uncounted": [], "relay": []}
    with BenchSite("sqlite") as site:
        fill(site.database, aliases)
        relay = process_of(site.start_relay())
        silent = site.another("uncounted", cached=True, settings=_SETTINGS)
        sites = {"counted": site, "uncounted": silent}
        milters = {name: process_of(one.start_milter()) for name, one in sites.items()}
        for at in range(rounds + 1):  # the first warms up
            for name, one in sites.items():
                watch = Stopwatch({name: milters[name], "relay": relay})
                played = play(one.milter, aliases, messages, connections=_CONNECTIONS, per_second=_RATE)
                if played.refused:
                    raise SandboxError(f"the milter refused {played.refused} of what it was asked")
                if at or scale.short:
                    _note(found, watch.seconds(), name, messages)
    ratios = [ours / without for ours, without in zip(found["counted"], found["uncounted"], strict=True)]
    return [
        median_of("counts.counted_over_uncounted", "x", ratios, Goal(1.03)),
        median_of("counts.counted_cpu_us", "us", found["counted"]),
        median_of("counts.uncounted_cpu_us", "us", found["uncounted"]),
        median_of("counts.relay_cpu_us", "us", found["relay"]),
    ]


def _note(found: dict[str, list[float]], seconds: dict[str, float], name: str, messages: int) -> None:
    found[name].append(1e6 * seconds[name] / messages)
    if name == "counted":
        found["relay"].append(1e6 * seconds["relay"] / messages)
