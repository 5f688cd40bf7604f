"""docs/performance.md and its picture, from the figures of one run: nothing in them is typed by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.figures import Figure, met, number
from bench.picture import Bar, Chart, drawn

DOCS = Path(__file__).parents[1] / "docs"
_PARTS = ("postfix", "filter", "maps", "redis", "postgres")
_LABELS = {
    "none": "Postfix, no names at all",
    "lmdb": "Postfix, lmdb maps",
    "sqlite": "Postfix, sqlite maps",
    "pgsql": "Postfix, pgsql maps",
    "c": "C filter over Redis",
    "redis_lmdb": "Byname over Redis, domains by lmdb",
    "redis": "Byname over Redis",
    "sql": "Byname over SQLite",
}
_MODES = {
    "paced": "1,200 sessions a second",
    "burst_1": "closed loop, 1 connection",
    "burst_10": "closed loop, 10 connections",
    "burst_50": "closed loop, 50 connections",
}


def write(
    figures: Sequence[Figure], machine: Mapping[str, object], notes: Mapping[str, str], place: Path = DOCS
) -> None:
    """Write page and picture into ``place``. ``notes`` are the words of each bench on its method, by its name."""
    (place / "performance.svg").write_text(drawn(_charts(figures)))
    (place / "performance.md").write_text(_page(figures, machine, notes))


def _charts(figures: Sequence[Figure]) -> list[Chart]:
    known = {figure.name: figure.value for figure in figures}
    ways = [Bar(label, parts) for way, label in _LABELS.items() if (parts := _parts(known, way))]
    filters = [
        Bar(f"{name}, {label}", {"filter": value})
        for mode, label in _MODES.items()
        for name, key in (("Byname", "byname"), ("C filter", "c"))
        if (value := known.get(f"milter.{mode}_{key}_cpu_us"))
    ]
    charts = [
        Chart("CPU time of a message, whole mail server", "microseconds", ways),
        Chart("CPU time of a message, filter alone", "microseconds", filters),
    ]
    return [chart for chart in charts if chart.bars]


def _parts(known: Mapping[str, float], way: str) -> dict[str, float]:
    parts = {part: known[name] for part in _PARTS if (name := f"mta.{way}_cpu_{part}_us") in known}
    if not parts and f"mta.{way}_cpu_us" in known:
        parts = {"postfix": known[f"mta.{way}_cpu_us"]}
    return parts


def _page(figures: Sequence[Figure], machine: Mapping[str, object], notes: Mapping[str, str]) -> str:
    benches = dict.fromkeys(figure.name.partition(".")[0] for figure in figures)
    sections = [_section(bench, notes.get(bench, ""), figures) for bench in benches]
    return "\n".join([_HEAD.format(machine=_machine(machine), goals=_goals(figures)), *sections])


def _machine(machine: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in machine.items() if value != "")


def _goals(figures: Sequence[Figure]) -> str:
    judged = [figure for figure in figures if figure.goal]
    missed = [figure for figure in judged if met(figure) == "not met"]
    words = f"{len(judged) - len(missed)} of {len(judged)} goals are met in this run."
    if not missed:
        return words
    rows = [f"| `{figure.name}` | {number(figure.value)} {figure.unit} | {figure.goal} |" for figure in missed]
    return "\n".join([f"{words} Not met:", "", "| figure | value | goal |", "|---|---:|---:|", *rows])


def _section(bench: str, note: str, figures: Sequence[Figure]) -> str:
    title, _, method = note.partition("\n")
    rows = [_row(figure) for figure in figures if figure.name.startswith(f"{bench}.")]
    head = ["| figure | value | unit | spread | goal | |", "|---|---:|---|---:|---:|---|"]
    return "\n".join([f"## {bench}", "", title, "", method.strip().replace("``", "`"), "", *head, *rows, ""])


def _row(figure: Figure) -> str:
    goal = "" if figure.goal is None else str(figure.goal)
    cells = (f"`{figure.name}`", number(figure.value), figure.unit, figure.spread, goal, met(figure))
    return "| " + " | ".join(cells) + " |"


_HEAD = """\
# What Byname costs

Written by `make bench ARGS=--write-page` from one run of `make bench`; no figure here is typed by hand. Measure your
own machine: a run takes about a quarter of an hour, needs root for its private Postfix, and touches nothing but folders
below the system's temporary one.

![CPU time of a message](performance.svg)

Machine: {machine}.

## How to read this

Ratios travel better than absolute figures: what is compared took turns in the same minutes on the same machine. A
figure is the median of its rounds where it has a spread; the spread is the distance between the lowest and the highest
round, as a share of the median. Where it is large, the figure says little. CPU times come from `/proc` and count every
process of a part, with children that have ended; they suffer less from a busy machine than times on the clock, but a
busy one makes them larger too: caches are colder and locks are waited for longer.

The C filter is a yardstick, not a product: it does the same look-ups in the same Redis, with none of the deadlines, the
fallback, the address rules or the checks that make up Byname. What lies between the two is the price of those, and of
Python. In a closed loop the time of one recipient is mostly the queue before it: connections divided by the rate.

{goals}
"""
