"""The command ``byname demo``."""

import shlex
import smtplib
import subprocess
import sys
import time

from rich.console import Console

from byname import output
from byname.demo import table
from byname.demo.guide import guide
from byname.demo.judge import play
from byname.demo.many.run import many
from byname.demo.samples import REFUSED_OUTSIDE, SAMPLES, Delivery
from byname.demo.stopping import Stopped, heed_no_more_signals, heed_signals
from byname.demo.world import fill
from byname.exits import ExitCode
from byname.sandbox.errors import SandboxError
from byname.sandbox.requirements import NEEDS_ROOT, obstacle
from byname.sandbox.site import PrivateSite


def run(
    *,
    once: bool,
    as_json: bool,
    delivery: Delivery = "agent",
    cache: bool = True,
    webmail: bool = False,
    two_of_all: bool = False,
) -> int:
    """Start the mail system, send the samples, print what came of them.

    ``delivery`` says who writes Delivered-To, ``cache`` whether Redis and a relay stand before the store, ``webmail``
    whether a Roundcube is there. With ``two_of_all`` it is a site of several machines whose parts die instead, and
    these say nothing (:mod:`byname.demo.many`). With ``once`` that is all; otherwise say what to try, and stay up
    until SIGINT, SIGTERM or SIGHUP.

    Returns:
        The exit code: 0 when each sample went as the specification says, 1 when one did not or the system could not
        be started, 130 when a signal came before the samples were through.
    """
    if why_not := obstacle(webmail=webmail, many=two_of_all):
        remedy = f"; run: {shlex.join(['sudo', *sys.argv])}" if why_not == NEEDS_ROOT else ""
        output.complain(f"byname: the demo cannot start: {why_not}{remedy}")
        return ExitCode.REFUSED
    heed_signals()
    try:
        if two_of_all:
            return many(once=once, as_json=as_json)
        with PrivateSite(fill, delivery=delivery, cache=cache, api=True, webmail=webmail) as site:
            return _run(site, once=once, as_json=as_json)
    except Stopped:
        return ExitCode.INTERRUPTED
    except (SandboxError, smtplib.SMTPException, subprocess.CalledProcessError, OSError) as error:
        output.complain(f"byname: the demo failed: {error}")
        return ExitCode.REFUSED


def _run(site: PrivateSite, *, once: bool, as_json: bool) -> int:
    try:
        site.outside.refuse.update(REFUSED_OUTSIDE)
        rows = _send_samples(site)
        good = all(row.ok for row in rows)
        if as_json:
            output.say_json(table.as_json(rows))
        else:
            table.show(rows)
        if not good:
            output.complain(site.logs())
        if not once:
            _stay_up(site, as_json=as_json)
    finally:
        heed_no_more_signals()
    return ExitCode.DONE if good else ExitCode.REFUSED


def _send_samples(site: PrivateSite) -> list[table.Row]:
    rows = []
    with Console(stderr=True).status("") as status:
        for number, sample in enumerate(SAMPLES, start=1):
            status.update(f"sample {number} of {len(SAMPLES)}: {sample.title}")
            rows.append(table.Row(number, sample, tuple(play(sample, site))))
    return rows


def _stay_up(site: PrivateSite, *, as_json: bool) -> None:
    """Wait for a signal; it ends the wait and nothing else."""
    say = output.complain if as_json else output.say  # stdout is for the JSON
    say("")
    try:
        for line in guide(site):
            say(line)
        while True:
            time.sleep(3600)
    except Stopped:
        output.complain("Stopping.")
