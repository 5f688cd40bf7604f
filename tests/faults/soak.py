"""The soak: mail for as long as it is asked for, a change each second, a fault each minute.

It runs on a site with two of everything: ``python -m tests.faults.soak``. Each minute has a ledger of its own
(tests.faults.trial), so that what is wrong is known within the minute; what lives on from one to the next (stores,
caches, daemons) is watched for what it holds. ``make soak``; ``make test`` has a short form (test_soak.py).
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from itertools import cycle
from typing import Any

from rich.progress import Progress

from byname.sandbox.requirements import MANY, missing_packages
from byname.sandbox.topology import NO_SINGLE_POINT, Topology
from tests.faults import page
from tests.faults.fault import Fault
from tests.faults.held import Growth, Watch
from tests.faults.many_faults import WITHOUT_SINGLE_POINT
from tests.faults.many_world import ManyWorld
from tests.faults.names import fill
from tests.faults.trial import Tempo, row, run

MOST_GROWTH, MOST_FILES = 0.05, 8  # of memory, as a share; and files more than before
_LEAST_MIB = 2.0  # less than that is no growth, however small the process
_POSTFIX = {"max_use": "10"}  # as in the tests of one fault
MINUTE = Tempo(before=8.0, after=20.0, pause=0.14, change_every=1.0)  # about 30 mails a second
LASTS = 15.0  # seconds of a fault
# What can come again and again, without a daemon of a mail machine being restarted: those are watched.
NAMES = (
    "many-none",
    "many-failover",
    "many-relay",
    "many-cut",
    "many-api",
    "many-store",
    "many-relays",
    "many-slow",
)


@dataclass(slots=True)
class Soak:
    """What a soak has shown so far."""

    seconds: float = 0.0
    mails: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    grown: list[Growth] = field(default_factory=list)

    @property
    def too_much(self) -> list[Growth]:
        """What grew more than it may."""
        return [each for each in self.grown if _is_more_memory(each) or each.files > MOST_FILES]

    @property
    def is_clean(self) -> bool:
        """True when no mail went wrong and nothing grew."""
        return not self.wrong and not self.too_much


def chosen() -> Iterator[Fault]:
    """Yield the faults of a soak, over and over; the time from the kill is told by their trials alone."""
    known = {fault.name: replace(fault, takes_over=False) for fault in WITHOUT_SINGLE_POINT}
    return cycle(known[name] for name in NAMES)


def soak(world: ManyWorld, seconds: float, *, tempo: Tempo = MINUTE, lasts: float = LASTS) -> Iterator[Soak]:
    """Let mail flow for so many seconds, one fault after the other; yield after each what was seen up to then."""
    found, watch, began = Soak(), Watch(), time.monotonic()
    for fault in chosen():
        figures = run(fault, world, seconds=lasts, tempo=tempo)
        watch.look(processes(world))
        found.seconds = time.monotonic() - began
        found.mails += figures.mails
        found.wrong.update(figures.summary.wrong)
        found.examples += figures.summary.examples
        found.rows.append(row(fault, figures))
        found.grown = list(watch.growths())
        yield found
        if found.seconds >= seconds:
            return


def processes(world: ManyWorld) -> dict[str, int | None]:
    """Return the processes of Byname's daemons and of the stores' machines, by name."""
    found = {name: daemon.pid for name, daemon in world.many.daemons.items()}
    for place, machine in world.many.mail.items():
        found |= {f"{name}-{place}": daemon.pid for name, daemon in machine.daemons.items()}
    return found


def _is_more_memory(each: Growth) -> bool:
    return each.memory > MOST_GROWTH and each.mib * each.memory / (1 + each.memory) > _LEAST_MIB


def _lines(found: Soak) -> Iterator[str]:
    yield ""
    yield from page.lines(_summed(found.rows))
    yield ""
    yield f"{'process':<24}{'looks':>8}{'MiB':>9}{'growth':>9}{'files':>9}"
    for each in found.grown:
        yield f"{each.name:<24}{each.looks:>8}{each.mib:>9.1f}{each.memory:>9.1%}{each.files:>+9}"
    rate = found.mails / found.seconds
    yield f"\n{found.mails} mails in {found.seconds / 60:.0f} minutes, {rate:.0f} a second, {len(found.rows)} faults"
    yield "clean" if found.is_clean else f"NOT CLEAN: {dict(found.wrong)} {found.examples[:5]} {found.too_much}"


def _summed(rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return a row for each fault: the sum of the mails, the longest times."""
    found: dict[str, dict[str, Any]] = {}
    for each in rows:
        before = found.setdefault(each["name"], {**each, "mails": 0, "put_off": 0, "wrong": Counter()})
        for key in ("mails", "put_off"):
            before[key] += each[key]
        before["wrong"].update(each["wrong"])
        for key in page.TIMES:
            before[key] = max((value for value in (before[key], each[key]) if value is not None), default=None)
    return list(found.values())


def main() -> int:
    """Soak as the command line says; return 1 when something went wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.soak", description="Mail, changes and faults for long."
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", action="store_true", help="print the result as JSON, and nothing else")
    given = parser.parse_args()
    if missing := missing_packages(MANY):
        parser.error(f"not installed: {' '.join(missing)}")
    if os.geteuid() != 0:
        parser.error("it needs root, for its machines are network namespaces")
    found = Soak()
    with Topology(NO_SINGLE_POINT, fill, _POSTFIX) as topology, nullcontext() if given.json else Progress() as bar:
        shown = bar.add_task("soak", total=given.minutes * 60) if bar else None
        for found in soak(ManyWorld(topology), given.minutes * 60):
            if bar and shown is not None:
                bar.update(shown, completed=found.seconds, description=f"{found.mails} mails, {len(found.rows)} faults")
    told = json.dumps(asdict(found) | {"clean": found.is_clean}) if given.json else "\n".join(_lines(found))
    sys.stdout.write(f"{told}\n")
    return 0 if found.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
