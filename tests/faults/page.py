"""The table of docs/reliability.md: the rows of the faults with the figures of a run."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.faults.cached_site_faults import CACHED
from tests.faults.clock_faults import CLOCKS
from tests.faults.cluster_faults import ON_A_CLUSTER
from tests.faults.disk_faults import ON_A_SMALL_DISK
from tests.faults.fault import Fault
from tests.faults.faults import EMBEDDED
from tests.faults.many_faults import ON_TWO_MTAS, WITHOUT_SINGLE_POINT
from tests.faults.postgres_faults import ON_POSTGRESQL
from tests.faults.relay_faults import RELAYED
from tests.faults.replica_faults import STAND_INS

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: make faults -->\n", "<!-- end of figures -->\n"
HEAD = (
    "| fault | what is done | what a client sees | mails | put off | recovery, s | cache back, s | slowest mail, s"
    " | kill to answers, s | kill to cache, s |\n"
)
RULE = "|---|---|---|--:|--:|--:|--:|--:|--:|--:|\n"

FAULTS = (
    *EMBEDDED,
    *CACHED,
    *RELAYED,
    *STAND_INS,
    *CLOCKS,
    *ON_POSTGRESQL,
    *ON_A_SMALL_DISK,
    *ON_TWO_MTAS,
    *WITHOUT_SINGLE_POINT,
    *ON_A_CLUSTER,
)
TIMES = ("recovery", "cache_back", "slowest", "kill_to_answers", "kill_to_cache")

Row = Mapping[str, Any]


def lines(rows: Sequence[Row]) -> Iterable[str]:
    """Return the figures for a terminal."""
    if rows:
        times = "".join(f"{what:>9}" for what in ("recovery", "cache", "slowest", "k.answer", "k.cache"))
        yield f"{'fault':<24}{'mails':>8}{'put off':>9}{times}  wrong"
    for each in rows:
        wrong = ", ".join(f"{count} {what}" for what, count in each["wrong"].items()) or "0"
        times = "".join(f"{_seconds(each[key]):>9}" for key in TIMES)
        yield f"{each['name']:<24}{each['mails']:>8}{each['put_off']:>9}{times}  {wrong}"


def first_cells(fault: Fault) -> str:
    """Return the part of a row that is no figure."""
    return f"| `{fault.name}` | {fault.does} | {fault.sees} |"


def table(rows: Sequence[Row], former: str = "") -> str:
    """Return the table: of several rounds the sum of the mails and the longest times.

    A fault that was not run this time has its line of ``former``, the table as it was.
    """
    kept = {line.split("`")[1]: f"{line}\n" for line in former.splitlines() if line.startswith("| `")}
    lines = (_line(fault, [each for each in rows if each["name"] == fault.name]) for fault in FAULTS)
    return HEAD + RULE + "".join(line or kept.get(fault.name, "") for fault, line in zip(FAULTS, lines, strict=True))


def _line(fault: Fault, rounds: Sequence[Row]) -> str:
    """Return the line of a fault; empty when it was not run."""
    if not rounds:
        return ""
    sums = [str(sum(each[key] for each in rounds)) for key in ("mails", "put_off")]
    times = [_seconds(max((each[key] for each in rounds if each[key] is not None), default=None)) for key in TIMES]
    return f"{first_cells(fault)} {' | '.join([*sums, *times])} |\n"


def write(rows: Sequence[Row]) -> None:
    """Put the table into the page. Rows that were not run stay as they are."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    former, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table(rows, former)}\n{END}{after}", "utf-8")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{max(value, 0.0):.1f}"
