"""``make bench``: what Byname costs here. ``make bench ARGS="NAME..."`` runs some of the benches.

    api           creating aliases over HTTP, and a page of a long list
    messages      a program's mail through the Message API, beside smtplib to the same Postfix (needs root)
    mta           a whole Postfix with Byname, beside Postfix's own maps and a filter in C (needs root)
    peers         a whole Postfix with Byname, beside filters of others: rspamd, pymilter, a policy service (needs root)
    milter        the filter alone, paced and in a closed loop, beside the one in C
    recipients    what each further recipient of a message costs
    counts        what counting mails to aliases costs the filter
    memory        what a milter process holds after many messages
    expiring      aliases that have an end, beside such as have none
    scale         the same questions over ten thousand aliases and over a million
    pages         the dashboard over 10,000 mailboxes with 100 aliases each, and what a page weighs
    parser        deciding about a name and reading a From, beside a bare look-up in SQL
    propagation   from a change to another verdict of the milter
    lookups       what a message's names cost Redis, and PostgreSQL where Redis cannot vouch
    relay         the relay's work at 2,000 changes a second, over 50,000 domains
    rebuild       filling Redis from SQL, how long look-ups wait meanwhile, and memory for each alias

Goals are those of the project's plan; "not met" is what this machine gave, no error. The figures also go to
bench/results/latest.json, as one flat object, from which --write-page makes docs/performance.md.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from bench.cases import (
    api,
    counts,
    expiring,
    lookups,
    memory,
    messages,
    milter,
    mta,
    pages,
    parser,
    peers,
    propagation,
    rebuild,
    recipients,
    relay,
)  # fmt: skip
from bench.cases import scale as scale_
from bench.report import page
from bench.report.figures import Figure, Scale, print_table, read_json, write_json
from bench.report.machine import doubts, machine

_MODULES: Mapping[str, ModuleType] = {
    "mta": mta,
    "peers": peers,
    "milter": milter,
    "recipients": recipients,
    "counts": counts,
    "memory": memory,
    "scale": scale_,
    "expiring": expiring,
    "api": api,
    "messages": messages,
    "pages": pages,
    "parser": parser,
    "propagation": propagation,
    "rebuild": rebuild,
    "relay": relay,
    "lookups": lookups,
}
BENCHES: Mapping[str, Callable[[Scale], list[Figure]]] = {name: one.measure for name, one in _MODULES.items()}
LATEST = Path(__file__).parent / "results" / "latest.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benches that were named, all without a name; print a table and write the JSON file."""
    options = _options(arguments)
    if options.write_page:
        page.write(*read_json(options.output), {name: one.__doc__ or "" for name, one in _MODULES.items()})
        return
    scale = Scale(short=options.short, full=options.full)
    here, begun = machine() | {"size": scale.name}, time.monotonic()
    figures = [figure for name in options.bench or BENCHES for figure in _measured(name, scale)]
    here["minutes"] = round((time.monotonic() - begun) / 60, 1)
    print_table(figures, here)
    for line in doubts(here):
        print(line)
    write_json(figures, here, options.output)


def _measured(name: str, scale: Scale) -> list[Figure]:
    print(f"{name} ...", end=" ", flush=True)
    begun = time.monotonic()
    figures = BENCHES[name](scale)
    print(f"{time.monotonic() - begun:.0f} s", flush=True)
    return figures


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    reader = argparse.ArgumentParser(prog="make bench", description=__doc__, formatter_class=raw)
    reader.add_argument("bench", nargs="*", help=f"of {', '.join(BENCHES)} (default: all)")
    size = reader.add_mutually_exclusive_group()
    size.add_argument("--short", action="store_true", help="only see whether they run; the figures mean nothing")
    size.add_argument("--full", action="store_true", help="the large sizes")
    reader.add_argument(
        "--write-page", action="store_true", help="measure nothing: docs/performance.md from the last run"
    )
    reader.add_argument("--output", type=Path, default=LATEST, help="the JSON file (default: %(default)s)")
    options = reader.parse_args(arguments)
    if unknown := set(options.bench) - BENCHES.keys():
        reader.error(f"there is no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    return options


if __name__ == "__main__":
    main()
