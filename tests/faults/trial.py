"""One trial: mail flows and names change, a fault comes and goes, and the ledger is judged."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace

from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from tests.faults.changes import EVERY, Changes
from tests.faults.fault import GRACE, RIGHT, Fault
from tests.faults.ledger import Ledger, Summary
from tests.faults.looks import Look, Looks, back_at
from tests.faults.names import FIRST, KNOWN, REFUSED
from tests.faults.stream import PAUSE, Stream
from tests.faults.timeline import Timeline
from tests.faults.world import World

_QUIET = 60.0  # seconds within which the queue must be empty
_USUAL_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class Tempo:
    """How long a trial is undisturbed, and how fast mails and changes come. Times are in seconds."""

    before: float = 1.0
    after: float = 1.5
    pause: float = PAUSE  # between two mails of one client
    change_every: float = EVERY


USUAL = Tempo()


@dataclass(frozen=True, slots=True)
class Figures:
    """What a trial showed. ``recovery``: seconds from the end of the fault to the last "try again" because of it."""

    summary: Summary
    mails: int
    put_off: int  # replies that asked to try again, those for moving names left out
    known_put_off: int  # of these, to mail that grace lets pass
    recovery: float
    slowest: float  # seconds that one mail took, from MAIL to the last reply
    cache_back: float | None  # seconds from the end of the fault until the cache was vouched for; None without one
    replies: tuple[str, ...]  # some of the replies that asked to try again
    kill_to_answers: float | None = None  # seconds from the kill to the last "try again"; None where nothing takes over
    kill_to_cache: float | None = None  # seconds from the kill until all look-ups came from the cache again


def check(fault: Fault, world: World, *, seconds: float, record: Callable[[str, object], None]) -> None:
    """Run one trial of ``fault`` and hold it against what its row says; ``record`` keeps the figures."""
    with fault.around(world):
        figures = run(fault, world, seconds=seconds)
    record("fault", row(fault, figures))
    assert figures.summary.wrong.keys() <= fault.allows, figures.summary.examples
    assert figures.recovery <= fault.recovers, figures.replies
    assert figures.put_off == 0 or fault.sees != RIGHT, figures.replies
    assert figures.known_put_off == 0 or fault.sees != GRACE, figures.replies


def row(fault: Fault, figures: Figures) -> dict[str, object]:
    """Return what is kept of a trial, for the tables."""
    return {
        "name": fault.name,
        "mails": figures.mails,
        "put_off": figures.put_off,
        "recovery": figures.recovery,
        "cache_back": figures.cache_back,
        "slowest": figures.slowest,
        "kill_to_answers": figures.kill_to_answers,
        "kill_to_cache": figures.kill_to_cache,
        "wrong": figures.summary.wrong,
    }


def run(fault: Fault, world: World, *, seconds: float, tempo: Tempo = USUAL) -> Figures:
    """Run one trial of ``fault``, which lasts for ``seconds``; afterwards the site is as it was before."""
    for site in world.sites:
        site.mailboxes.clear()
        site.outside.clear()
        site.postfix.reload()  # new smtpd processes, which remember nothing of the trial before
    time.sleep(0.5)  # until the helpers of the old ones are gone
    timeline = Timeline(world.moving(FIRST), fault.settles + 0.1)
    ledger = Ledger(timeline, f"m{time.time_ns():x}")
    try:
        with _looking(fault, world) as looks, _flowing(world, ledger, tempo) as changes:
            _wait_until_usual(looks)
            time.sleep(tempo.before)
            began = time.time()
            with fault.inject(world, timeline):
                time.sleep(seconds)
                ended = time.time()
            back = world.wait_until_vouched_for() - ended
            _wait_until_usual(looks)
            time.sleep(tempo.after)
        world.wait_until_in_step()
    finally:
        world.remember({name: timeline.now(name) for name in FIRST})
    assert changes.made
    for site in world.sites:
        _wait_until_quiet(site)
    summary = ledger.judge([site.mailboxes for site in world.sites], [site.outside for site in world.sites])
    figures = _figures(ledger, summary, (began, ended), back if world.site.cache else None)
    seen = [each.seen() for each in looks]
    return from_the_kill(figures, ledger, seen, ended) if fault.takes_over else figures


def _looking(fault: Fault, world: World) -> AbstractContextManager[Sequence[Looks]]:
    return world.looking() if fault.takes_over and fault.caches else nullcontext(())


def _wait_until_usual(looks: Sequence[Looks]) -> None:
    wait_until(lambda: all(each.is_usual() for each in looks), _USUAL_WITHIN, "look-ups from the cache")


@contextmanager
def _flowing(world: World, ledger: Ledger, tempo: Tempo) -> Iterator[Changes]:
    changing = Changes(world.url, ledger.timeline, tempo.change_every)
    with Stream(world.sites, ledger, tempo.pause), changing as changes:
        yield changes


def _wait_until_quiet(site: PrivateSite) -> None:
    def is_empty() -> bool:
        if not site.postfix.queue():
            return True
        site.postfix.flush()
        time.sleep(0.5)
        return False

    wait_until(is_empty, _QUIET, "an empty mail queue")


def _figures(ledger: Ledger, summary: Summary, fault: tuple[float, float], back: float | None) -> Figures:
    began, ended = fault
    put_off = list(ledger.put_off())
    known = [entry for entry, _ in put_off if entry.recipient in KNOWN and entry.outcome != REFUSED]
    last = max((attempt.ended for _, attempt in put_off), default=ended)
    slowest = max(attempt.ended - attempt.began for _, attempt in ledger.attempts() if attempt.ended > began)
    return Figures(
        summary=summary,
        mails=len({entry.mail for entry in ledger.entries}),
        put_off=len(put_off),
        known_put_off=len(known),
        recovery=max(0.0, last - ended),
        slowest=slowest,
        cache_back=back,
        replies=tuple(f"{entry.recipient}: {attempt.code} {attempt.text}" for entry, attempt in put_off[:5]),
    )


def from_the_kill(figures: Figures, ledger: Ledger, seen: Sequence[Sequence[Look]], ended: float) -> Figures:
    """Add how long it took from the kill, by the ledger and by what answered look-ups, until all was as before.

    What its return costs the cache, after the fault has ``ended``, does not count if it was back by then. Sites that
    were cut off do not count either.
    """
    killed = ledger.timeline.killed_at
    assert killed is not None
    cut_off = ledger.timeline.cut_off
    last = max((attempt.ended for entry, attempt in ledger.put_off() if entry.site not in cut_off), default=killed)
    reached = [each for site, each in enumerate(seen) if site not in cut_off]
    back = max((back_at(each, killed, ended) for each in reached), default=None)
    return replace(
        figures,
        kill_to_answers=max(0.0, last - killed),
        kill_to_cache=None if back is None else back - killed,
    )
