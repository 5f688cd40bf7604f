"""docs/performance.md and its picture, from the figures of one run: nothing in them is typed by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.report.figures import Figure, met, number
from bench.report.goals import describe, goal_text, with_unit
from bench.report.machine import doubts
from bench.report.picture import Bar, Chart, drawn
from bench.report.reading import read
from bench.report.reasons import reasons

_PICTURE = "performance.svg"
DOCS = Path(__file__).parents[2] / "docs"
_PARTS = {
    "postfix": "Postfix",
    "filter": "filter",
    "maps": "byname maps",
    "redis": "Redis",
    "postgres": "PostgreSQL",
}
_WAYS = {
    "none": "Postfix, no names at all",
    "lmdb": "Postfix, lmdb maps",
    "sqlite": "Postfix, sqlite maps",
    "pgsql": "Postfix, pgsql maps",
    "c": "C filter over Redis",
    "redis_lmdb": "Byname over Redis, file of domains",
    "redis": "Byname over Redis",
    "sql": "Byname over SQLite",
}
_PEERS = {
    "lmdb": "Postfix, lmdb maps",
    "c": "C filter over Redis",
    "redis_lmdb": "Byname, domains in lmdb",
    "redis": "Byname",
    "plain_milter": "plain milter: pymilter, redis-py",
    "policy": "policy service, lmdb maps",
    "rspamd": "rspamd, one rule",
}
_MODES = {
    "paced": "1,200 messages a second",
    "burst_1": "no pause, 1 connection",
    "burst_10": "no pause, 10 connections",
    "burst_50": "no pause, 50 connections",
}
_FILTERS = {"byname": "Byname", "c": "C filter"}
_FACTS = {
    "at": "begun",
    "memory_gib": "memory (GiB)",
    "load": "load before it began",
    "cpu": "CPU",
    "python": "Python",
    "redis": "Redis",
    "postgresql": "PostgreSQL",
    "rspamd": "rspamd",
    "byname": "Byname",
    "size": "sizes",
    "minutes": "minutes it took",
}


def write(
    figures: Sequence[Figure], machine: Mapping[str, object], notes: Mapping[str, str], place: Path = DOCS
) -> None:
    """Write page and picture into ``place``. ``notes`` are the notes of each bench on its method, by its name."""
    if charts := _charts(figures):
        (place / _PICTURE).write_text(drawn(charts))
    (place / "performance.md").write_text(_page(figures, machine, notes))


def _charts(figures: Sequence[Figure]) -> list[Chart]:
    known = {figure.name: figure.value for figure in figures}
    filters = [
        Bar(label, {name: value})
        for mode, label in _MODES.items()
        for key, name in _FILTERS.items()
        if (value := known.get(f"milter.{mode}_{key}_cpu_us"))
    ]
    charts = [
        Chart("CPU time of a message, whole mail server", "microseconds", _bars(known, "mta", _WAYS)),
        Chart("CPU time of a message, beside filters of others", "microseconds", _bars(known, "peers", _PEERS)),
        Chart("CPU time of a message, filter alone", "microseconds", filters),
    ]
    return [chart for chart in charts if chart.bars]


def _bars(known: Mapping[str, float], bench: str, labels: Mapping[str, str]) -> list[Bar]:
    ways = {label: f"{bench}.{way}_cpu" for way, label in labels.items() if f"{bench}.{way}_cpu_us" in known}
    return [Bar(label, _parts(known, way), known[f"{way}_us"]) for label, way in ways.items()]


def _parts(known: Mapping[str, float], way: str) -> dict[str, float]:
    parts = {text: known[name] for part, text in _PARTS.items() if (name := f"{way}_{part}_us") in known}
    return parts or {_PARTS["postfix"]: known[f"{way}_us"]}


def _page(figures: Sequence[Figure], machine: Mapping[str, object], notes: Mapping[str, str]) -> str:
    benches = dict.fromkeys(figure.name.partition(".")[0] for figure in figures)
    sections = [_section(bench, notes.get(bench, ""), figures) for bench in benches]
    picture = f"\n![CPU time of a message]({_PICTURE})\n" if _charts(figures) else ""
    warnings = "".join(f"\n**Beware: {doubt}.**\n" for doubt in doubts(machine))
    reading = "\n".join(f"- {sentence}" for sentence in read(figures))
    head = _HEAD.format(machine=_machine(machine), goals=_goals(figures), reading=reading, above=warnings + picture)
    return "\n".join([head, *sections])


def _machine(machine: Mapping[str, object]) -> str:
    rows = [f"| {_FACTS.get(name, name)} | {value} |" for name, value in machine.items() if value != ""]
    return "\n".join(["| what | here |", "|---|---|", *rows])


def _goals(figures: Sequence[Figure]) -> str:
    judged = [figure for figure in figures if figure.goal]
    reached = [figure for figure in judged if met(figure) == "met"]
    rows = [
        f"| {describe(figure)} | {with_unit(figure)} | {figure.spread} | {goal_text(figure)} | {_JUDGED[met(figure)]} |"
        for figure in judged
    ]
    text = f"{len(reached)} of {len(judged)} goals are met in this run."
    table = ["| what | here | spread | goal | |", "|---|---:|---:|---:|---|", *rows]
    missed = [f"- {names}: {reason}." for names, reason in reasons(figures)]
    return "\n".join([text, "", *table, *(["", "Why some are missed:", "", *missed] if missed else [])])


def _section(bench: str, note: str, figures: Sequence[Figure]) -> str:
    title, _, method = note.replace("``", "`").partition("\n")
    text = title.partition(": ")[2] or bench
    rows = [_row(figure) for figure in figures if figure.name.startswith(f"{bench}.")]
    head = ["| figure | value | unit | spread | goal | |", "|---|---:|---|---:|---:|---|"]
    heading = f"## {bench}: {text.removesuffix('.')}"
    return "\n".join([heading, "", method.strip(), "", *head, *rows, ""])


def _row(figure: Figure) -> str:
    goal = "" if figure.goal is None else str(figure.goal)
    cells = (f"`{figure.name}`", number(figure.value), figure.unit, figure.spread, goal, met(figure))
    return "| " + " | ".join(cells) + " |"


_JUDGED = {"met": "met", "not met": "**not met**"}
_HEAD = """\
# What Byname costs

Written by `make bench ARGS=--write-page` from one run of `make bench`; no figure here is typed by hand. Measure your
own machine: a run takes about twenty minutes, needs root for its private Postfix, and touches nothing but folders below
the system's temporary one.
{above}
{reading}

## Goals

The goals are those that the project set itself before it measured. {goals}

## The machine

{machine}

## How to read this

Ratios travel better than absolute figures: what is compared took turns in the same minutes on the same machine. The
spread is the distance between the lowest and the highest round, as a share of the median, and the figure is the median
of the rounds; for a series of single times (`api`, `propagation`) it is the distance between the fifths of the series,
and the figure is that of the whole series. Where the spread is large, the figure says little; without one it was
measured once. CPU times come from `/proc` and count every process of a part, with children that have ended; they suffer
less from a busy machine than times on the clock, but a busy one makes them larger too: caches are colder and locks are
waited for longer.

The C filter is a yardstick, not a product: it does the same look-ups in the same Redis, with none of the deadlines, the
fallback, the address rules or the checks that make up Byname. What lies between the two is the price of those, and of
Python. Without pause, the time of one recipient is mostly the queue before it: connections divided by the rate.

Names of figures end in their unit: `_us` microseconds, `_ms` milliseconds, `_s` seconds, `_per_s` a second; `a_over_b`
is a ratio. `p50` is the time that half of the questions took at most, `p99` that of 99 in 100, `p999` that of 999 in
1,000.
"""
