"""The results of a bench: figures with names, some with a goal, and the two forms in which they are shown."""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.report.percentiles import percentile

_WIDTH = 120  # of what is no terminal
_PARTS = 5  # of a series of times, between which it is looked how far they differ
_TEXT = "text."
_SHOWN = {"not met": "[bold]not met[/]"}


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit that a figure should keep; ``at_least`` when more is better."""

    limit: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        """Return whether ``value`` keeps it."""
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def sign(self) -> str:
        """Return the comparison."""
        return ">=" if self.at_least else "<="

    def __str__(self) -> str:
        return f"{self.sign} {number(self.limit)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``name`` is unique in a run, begins with its bench's name and a dot, and ends with its unit."""

    name: str
    value: float
    unit: str
    goal: Goal | None = None
    spread: str = ""  # how much the measurements behind it differ, as text


@dataclass(frozen=True, slots=True)
class Scale:
    """How much a run measures: ``short`` only shows that the benches run, ``full`` takes the large sizes."""

    short: bool = False
    full: bool = False

    @property
    def name(self) -> str:
        """What to call it."""
        return "short" if self.short else "full" if self.full else "usual"

    def of(self, short: int, usual: int, full: int | None = None) -> int:
        """Return the size for this run."""
        if self.short:
            return short
        return full if self.full and full is not None else usual


def spread(values: Sequence[float]) -> str:
    """Return how far apart repeated measurements of one thing are, beside their median."""
    return f"{(max(values) - min(values)) / statistics.median(values):.0%}"


def median_of(name: str, unit: str, values: Sequence[float], goal: Goal | None = None) -> Figure:
    """Return the median of repeated measurements, with their spread."""
    return Figure(name, statistics.median(values), unit, goal, spread(values))


def milliseconds(name: str, share: float, seconds: Sequence[float], goal: Goal | None = None) -> Figure:
    """Return the figure ``NAME_ms``: a percentile of times, in the order in which they were measured.

    Its spread is that between the fifths of the series, each with a percentile of its own.
    """
    size = len(seconds) // _PARTS
    parts = [percentile(seconds[at * size : (at + 1) * size], share) for at in range(_PARTS)] if size else []
    return Figure(f"{name}_ms", 1000 * percentile(seconds, share), "ms", goal, spread(parts) if parts else "")


def met(figure: Figure) -> str:
    """Return whether a figure keeps its goal, as text; empty without one."""
    if figure.goal is None:
        return ""
    return "met" if figure.goal.is_met(figure.value) else "not met"


def number(value: float) -> str:
    """Write a figure for people: three digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def print_table(figures: Sequence[Figure], machine: Mapping[str, object]) -> None:
    """Print the figures for people, and where they were measured."""
    table = Table("figure", "value", "unit", "spread", "goal", "", box=SIMPLE_HEAD)
    for column in table.columns:
        column.no_wrap = True
    table.columns[1].justify = "right"
    for figure in figures:
        goal = "" if figure.goal is None else str(figure.goal)
        table.add_row(
            figure.name, number(figure.value), figure.unit, figure.spread, goal, _SHOWN.get(met(figure), met(figure))
        )
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), highlight=False)


def write_json(figures: Sequence[Figure], machine: Mapping[str, object], path: Path) -> None:
    """Write one flat object: each figure by its name, and the machine's facts under ``machine.``.

    ``text.NAME`` holds unit, goal and spread of the figure NAME, with tabs between them.
    """
    flat: dict[str, object] = {f"machine.{name}": value for name, value in machine.items()}
    for figure in figures:
        if figure.name in flat:
            raise ValueError(f"two figures are called {figure.name}")
        flat[figure.name] = round(figure.value, 3)
    flat |= {f"{_TEXT}{figure.name}": "\t".join(_table_cells(figure)) for figure in figures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(flat, indent=2) + "\n")


def read_json(path: Path) -> tuple[list[Figure], dict[str, object]]:
    """Return figures and machine as :func:`write_json` wrote them."""
    flat = json.loads(path.read_text())
    machine = {name.removeprefix("machine."): value for name, value in flat.items() if name.startswith("machine.")}
    texts = {name.removeprefix(_TEXT): value for name, value in flat.items() if name.startswith(_TEXT)}
    return [_figure(name, flat[name], text) for name, text in texts.items()], machine


def _table_cells(figure: Figure) -> tuple[str, str, str]:
    return figure.unit, "" if figure.goal is None else f"{figure.goal.sign} {figure.goal.limit}", figure.spread


def _figure(name: str, value: float, text: str) -> Figure:
    unit, goal, spread_ = text.split("\t")
    sign, _, limit = goal.partition(" ")
    return Figure(name, value, unit, Goal(float(limit), at_least=sign == ">=") if goal else None, spread_)
