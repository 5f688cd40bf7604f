"""The command ``byname demo --many``."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import chain, repeat
from typing import cast

from rich.console import Console
from rich.live import Live

from byname import output
from byname.demo.many.deaths import DEATHS, Death, wait_until_well
from byname.demo.many.picture import Picture
from byname.demo.many.traffic import Sums, Traffic
from byname.demo.stopping import Stopped, heed_no_more_signals
from byname.demo.world import fill
from byname.exits import ExitCode
from byname.sandbox.errors import SandboxTimeout
from byname.sandbox.site import PrivateSite
from byname.sandbox.topology import NO_SINGLE_POINT, Topology
from byname.sandbox.waiting import wait_until

_QUIET = 4.0  # seconds between two deaths
_ARRIVES = 30.0  # seconds in which what was taken must have arrived
_COLUMNS = ("what died", "put off", "s until all is well")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a death cost."""

    what: str
    put_off: int  # replies that asked to come again, until all was well
    seconds: float  # from its end until the cache was vouched for


def many(*, once: bool, as_json: bool) -> int:
    """Start the site, let parts of it die one after the other, again and again until a signal; say what became of mail.

    With ``once`` each dies once. Returns 0 when no mail was lost, wrongly refused or misdelivered, else 1.
    """
    output.complain("starting two of everything; this takes some seconds")
    with Topology(NO_SINGLE_POINT, fill) as site:
        sites = cast("dict[str, PrivateSite]", site.mail)
        seen: list[Seen] = []
        with Traffic(sites) as traffic, _shown(traffic, as_json=as_json) as picture, suppress(Stopped):
            rounds = [DEATHS] if once else repeat(DEATHS)
            seen.extend(_die(site, traffic, picture, chain.from_iterable(rounds)))  # as far as it comes
        heed_no_more_signals()
        return _told(traffic, seen, as_json=as_json)


def _die(site: Topology, traffic: Traffic, picture: Picture, deaths: Iterator[Death]) -> Iterator[Seen]:
    """Let one after the other die, each once all is well again."""
    for death in deaths:
        picture.now = "all is well"
        time.sleep(_QUIET)
        before = traffic.put_off
        with death.inject(site) as down:
            picture.down, picture.now = down, f"{death.what}. A sender sees: {death.sees}"
            time.sleep(death.lasts)
        picture.down = ()
        seconds = wait_until_well(site)
        seen = Seen(death.what, traffic.put_off - before, round(seconds, 1))
        picture.lines.append(
            f"{time.strftime('%H:%M:%S')} {seen.what}: {seen.put_off} put off, well {seconds:.1f} s later"
        )
        yield seen
    time.sleep(_QUIET)


@contextmanager
def _shown(traffic: Traffic, *, as_json: bool) -> Iterator[Picture]:
    """Show the picture on a terminal, drawn anew each second."""
    picture, ended = Picture(), threading.Event()
    if as_json or not sys.stdout.isatty():
        yield picture
        return

    def draw(live: Live) -> None:
        while not ended.wait(1.0):
            sums = traffic.sums()
            picture.tick(sums)
            live.update(picture.drawn(sums))

    with Live(console=Console(), refresh_per_second=2) as live:
        drawing = threading.Thread(target=draw, args=(live,), daemon=True)
        drawing.start()
        try:
            yield picture
        finally:
            ended.set()
            drawing.join()


def _told(traffic: Traffic, seen: list[Seen], *, as_json: bool) -> int:
    sums = _final(traffic)
    if as_json:
        output.say_json({"mails": asdict(sums), "deaths": [asdict(each) for each in seen]})
    else:
        output.table(_COLUMNS, [(each.what, each.put_off, each.seconds) for each in seen])
        output.say(
            f"{sums.sent} mails: {sums.delivered} delivered, {sums.refused} refused as they must be; {sums.lost} lost,"
            f" {sums.wrongly_refused} wrongly refused, {sums.misdelivered} to the wrong mailbox."
        )
    return ExitCode.DONE if sums.is_clean else ExitCode.REFUSED


def _final(traffic: Traffic) -> Sums:
    def has_all() -> bool:
        return traffic.sums(at_the_end=True).lost == 0

    with suppress(SandboxTimeout):  # then they are lost, and told so
        wait_until(has_all, _ARRIVES, "the last mails")
    return traffic.sums(at_the_end=True)
