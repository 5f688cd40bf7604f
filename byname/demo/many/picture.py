"""The live picture of the demo: machines with their parts, the mail, and what died when."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from byname.demo.many.traffic import Sums

PARTS: Mapping[str, Sequence[str]] = {
    "db1": ("postgresql-db1", "redis-db1", "relay-db1", "api-db1", "sentinel-db1"),
    "db2": ("postgresql-db2", "redis-db2", "relay-db2", "api-db2", "sentinel-db2"),
    "mx1": ("network-mx1", "postfix-mx1", "milter-mx1", "maps-mx1", "lmtp-mx1", "redis-mx1"),
    "mx2": ("network-mx2", "postfix-mx2", "milter-mx2", "maps-mx2", "lmtp-mx2", "redis-mx2"),
    "web": ("nginx-web", "sentinel-web"),
}
_BARS = " ▁▂▃▄▅▆▇█"
_SHOWN = 60  # seconds of the curve


@dataclass(slots=True)
class Picture:
    """What is shown; ``down`` are the parts that are down now."""

    down: tuple[str, ...] = ()
    now: str = "all is well"
    lines: list[str] = field(default_factory=list)  # what has happened
    _rates: deque[int] = field(default_factory=lambda: deque(maxlen=_SHOWN))  # mails answered for good, by second
    _before: int = 0

    def tick(self, sums: Sums) -> None:
        """Note the mails of a second."""
        final = sums.sent - sums.waiting
        self._rates.append(max(0, final - self._before))
        self._before = final

    def drawn(self, sums: Sums) -> RenderableType:
        """Return it as it is now."""
        table = Table(box=None, padding=(0, 2), show_header=False)
        for machine, parts in PARTS.items():
            table.add_row(Text(machine, style="bold"), *(self._part(machine, part) for part in parts))
        mail = Text(
            f"\n{sums.sent} mails: {sums.delivered} delivered, {sums.refused} refused as they must be,"
            f" {sums.waiting} waiting to come again\n"
        )
        wrong = f"{sums.lost} lost, {sums.wrongly_refused} wrongly refused, {sums.misdelivered} to the wrong mailbox"
        mail.append(wrong, style="green" if sums.is_clean else "bold red")
        return Group(table, mail, Text(f"{self._curve()}\n", style="cyan"), Text(self.now, style="bold"), *self._last())

    def _part(self, machine: str, part: str) -> Text:
        name = part.removesuffix(f"-{machine}")
        is_down = part in self.down
        return Text(f"{'✖' if is_down else '●'} {name}", style="bold red" if is_down else "green")

    def _curve(self) -> str:
        most = max(self._rates, default=0) or 1
        return "".join(_BARS[round(rate / most * (len(_BARS) - 1))] for rate in self._rates)

    def _last(self) -> list[Text]:
        return [Text(line, style="dim") for line in self.lines[-8:]]
