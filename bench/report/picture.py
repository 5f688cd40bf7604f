"""Bar charts as SVG, written by hand: bars of stacked parts, one below the other, and what the colours mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LEFT, _RIGHT = 900, 290, 90  # of the picture, of the labels, of the figures
_BAR, _STEP, _HEAD, _GAP = 20, 28, 64, 34
# Told apart by people who see colours otherwise, too (Okabe and Ito).
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
_STYLE = (
    "text{font:13px sans-serif;fill:#222}.title{font-weight:bold;font-size:15px}.small{font-size:12px;fill:#555}"
    ".page{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#e6e6e6}.small{fill:#b0b0b0}.page{fill:#14171a}}"
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, and the length of each part by name."""

    label: str
    parts: Mapping[str, float]
    value: float | None = None  # that stands behind it, where it is not the sum: medians need not add up

    @property
    def total(self) -> float:
        """Its whole length."""
        return sum(self.parts.values())

    @property
    def label_behind(self) -> str:
        """What stands behind it."""
        return f"{self.total if self.value is None else self.value:,.0f}"


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars on one scale."""

    title: str
    unit: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        """In pixels."""
        return _HEAD + _STEP * len(self.bars) + _GAP


def drawn(charts: Sequence[Chart]) -> str:
    """Return the charts as one SVG, one below the other."""
    height = sum(chart.height for chart in charts)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        ' role="img">',
        f"<title>{escape('; '.join(chart.title for chart in charts))}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" class="page"/>',
    ]
    top = 0
    for chart in charts:
        lines += _chart(chart, top)
        top += chart.height
    return "\n".join([*lines, "</svg>", ""])


def _chart(chart: Chart, top: int) -> list[str]:
    names = list(dict.fromkeys(name for bar in chart.bars for name in bar.parts))
    colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(names)}
    most = max(bar.total for bar in chart.bars) or 1
    lines = [_text(10, top + 24, f"{chart.title} ({chart.unit})", "title"), *_legend(colours, top + 36)]
    for at, bar in enumerate(chart.bars):
        lines += _bar(bar, top + _HEAD + at * _STEP, (_WIDTH - _LEFT - _RIGHT) / most, colours)
    return lines


def _legend(colours: Mapping[str, str], y: int) -> list[str]:
    lines, x = [], _LEFT
    for name, colour in colours.items():
        lines.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>')
        lines.append(_text(x + 17, y + 11, name, "small"))
        x += 40 + 8 * len(name)
    return lines


def _bar(bar: Bar, y: int, scale: float, colours: Mapping[str, str]) -> list[str]:
    lines, x = [_text(10, y + 15, bar.label)], float(_LEFT)
    for name, value in bar.parts.items():
        width = value * scale
        lines.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colours[name]}"/>')
        x += width
    return [*lines, _text(round(x) + 6, y + 15, bar.label_behind, "small")]


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>'
