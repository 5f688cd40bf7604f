"""The ledger finds what it is there to find."""

import time
from pathlib import Path

import pytest

from byname.sandbox.sink import Delivery, Sink
from tests.faults.ledger import Attempt, Ledger
from tests.faults.names import GIVEN, INBOUND, MOVING, REFUSED, Kind
from tests.faults.timeline import Timeline
from tests.mail.world import JOHN, MARY

SALES, TEAM, NOBODY = "sales@brand-b.test", "team@brand-a.test", "nobody@brand-a.test"
TO_SALES, TO_NOBODY, TO_GIVEN = Kind(((SALES, JOHN),)), Kind(((NOBODY, REFUSED),)), Kind(((GIVEN, MOVING),))
TO_BOTH = Kind(((SALES, JOHN), (TEAM, MARY)))

Copy = tuple[str, tuple[str, ...]]  # mailbox, and the names in Delivered-To
RIGHT: Copy = (JOHN, (SALES,))


def judged(folder: Path, kind: Kind, code: int, *copies: Copy, sender: str = "a@outside.example") -> dict[str, int]:
    """Return what the ledger finds wrong with a mail that got this reply and left these copies."""
    ledger = Ledger(Timeline({GIVEN: JOHN}, 0.0), "m")
    entries = ledger.write_down(kind)
    now = time.time()
    for entry in entries:
        entry.attempts.append(Attempt(now, now, code, ""))
    mailboxes, outside = Sink(folder), Sink(folder / "outside")
    for place, names in copies:
        header = "".join(f"Delivered-To: {name}\r\n" for name in names) + f"X-Ledger: {entries[0].mail}\r\n"
        mailboxes.keep(Delivery(sender, (place,), ((),), header.encode()))
    summary = ledger.judge([mailboxes], [outside])
    assert summary.ok + sum(summary.wrong.values()) >= len(entries)
    return summary.wrong


@pytest.mark.parametrize(
    ("kind", "code", "copies", "wrong"),
    [
        (TO_SALES, 250, [RIGHT], {}),
        (TO_SALES, 250, [], {"lost": 1}),
        (TO_SALES, 451, [], {"lost": 1}),
        (TO_SALES, 550, [], {"wrongly_refused": 1}),
        (TO_SALES, 250, [RIGHT, RIGHT], {"duplicated": 1}),
        (TO_SALES, 550, [RIGHT], {"duplicated": 1}),
        (TO_SALES, 451, [RIGHT], {"duplicated": 1}),
        (TO_SALES, 250, [(MARY, (SALES,))], {"misdelivered": 1}),
        (TO_SALES, 250, [(JOHN, (SALES, TEAM))], {"leaked": 1}),
        (TO_BOTH, 250, [RIGHT, (MARY, (TEAM,))], {}),
        (TO_BOTH, 250, [RIGHT], {"lost": 1}),
        (TO_BOTH, 250, [(JOHN, (SALES, TEAM)), (MARY, (TEAM,))], {"duplicated": 1}),
        (TO_NOBODY, 550, [], {}),
        (TO_NOBODY, 250, [], {"wrongly_allowed": 1}),
        (TO_NOBODY, 250, [(JOHN, (NOBODY,))], {"wrongly_allowed": 1}),
        (TO_GIVEN, 250, [(JOHN, (GIVEN,))], {}),
        (TO_GIVEN, 250, [(MARY, (GIVEN,))], {"misdelivered": 1}),
    ],
)
def test_each_wrong_is_found(folder: Path, kind: Kind, code: int, copies: list[Copy], wrong: dict[str, int]) -> None:
    assert judged(folder, kind, code, *copies) == wrong


def test_a_bounce_is_a_refusal(folder: Path) -> None:
    assert judged(folder, TO_SALES, 250, ("ann@outside.example", ()), sender="") == {"wrongly_refused": 1}


def test_while_a_change_is_on_its_way_either_is_right() -> None:
    timeline = Timeline({GIVEN: JOHN}, 1.0)
    begun = time.time()
    timeline.note(GIVEN, MARY, begun)
    assert timeline.right(GIVEN, begun - 5, begun - 4) == {JOHN}
    assert timeline.right(GIVEN, begun, begun + 0.5) == {JOHN, MARY}
    assert timeline.right(GIVEN, begun + 3, begun + 4) == {MARY}


def test_every_state_is_written_to() -> None:
    outcomes = {outcome for kind in INBOUND for _, outcome in kind.to}
    assert outcomes == {JOHN, MARY, REFUSED, MOVING}
