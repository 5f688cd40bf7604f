"""The demo's results, as a table for people and as JSON for scripts."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from byname import output
from byname.demo.judge import Outcome
from byname.demo.samples import LEGEND, Sample

_COLUMNS = ("nr", "sample", "sent", "SMTP reply", "arrived in", "Delivered-To", "as spec")


_WIDE = 150  # columns of a terminal that the table fits into without tearing addresses apart


@dataclass(frozen=True, slots=True)
class Row:
    """One sample and what came of its mails."""

    number: int
    sample: Sample
    outcomes: tuple[Outcome, ...]

    @property
    def ok(self) -> bool:
        """True when each mail went as the specification says."""
        return not any(outcome.problems for outcome in self.outcomes)


def show(rows: Sequence[Row]) -> None:
    """Print the table, what differs from the specification below it, and a summing up."""
    cells = [cells for row in rows for cells in _cells(row)]
    if sys.stdout.isatty() and shutil.get_terminal_size().columns < _WIDE:
        for line in _stacked(cells):
            output.say(line)
    else:
        output.table(_COLUMNS, cells)
    for row in rows:
        for outcome in row.outcomes:
            for problem in outcome.problems:
                output.say(f"{row.number}: {problem}")
    for line in LEGEND:
        output.say(line)
    good = sum(row.ok for row in rows)
    output.say(f"{good} of {len(rows)} samples went as the specification says.")


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the same as plain values."""
    return [
        {
            "number": row.number,
            "sample": row.sample.title,
            "ok": row.ok,
            "mails": [_mail(outcome) for outcome in row.outcomes],
        }
        for row in rows
    ]


def _cells(row: Row) -> Iterator[Sequence[object]]:
    for index, outcome in enumerate(row.outcomes):
        yield (
            row.number,
            row.sample.title if index == 0 else "  and then",
            outcome.mail.summary,
            outcome.reply,
            ", ".join(arrival.place for arrival in outcome.arrived),
            "; ".join(", ".join(arrival.delivered_to) for arrival in outcome.arrived if arrival.delivered_to),
            _mark(not outcome.problems),
        )


def _stacked(cells: Sequence[Sequence[object]]) -> Iterator[str]:
    """The table for a terminal too narrow for it: each row as a few lines, in the same order."""
    for number, title, sent, reply, place, names, mark in cells:
        yield f"{number:>2} {mark} {title}"
        yield f"     sent          {sent}"
        yield f"     SMTP reply    {reply}"
        yield f"     arrived in    {place or 'no mailbox'}"
        if names:
            yield f"     Delivered-To  {names}"


def _mark(ok: bool) -> str:
    """A tick or a cross, in words where the output's encoding has neither."""
    sign = "\N{CHECK MARK}" if ok else "\N{BALLOT X}"
    try:
        sign.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "yes" if ok else "NO"
    return sign


def _mail(outcome: Outcome) -> dict[str, Any]:
    return {
        "sent": {
            "after": list(outcome.mail.first),
            "login": outcome.mail.login,
            "sender": outcome.mail.sender,
            "from": list(outcome.mail.authors),
            "recipients": list(outcome.mail.recipients),
        },
        "reply": {"code": outcome.reply.code, "enhanced": outcome.reply.enhanced, "text": outcome.reply.text},
        "arrived": [{"in": arrival.place, "delivered_to": list(arrival.delivered_to)} for arrival in outcome.arrived],
        "problems": list(outcome.problems),
    }
