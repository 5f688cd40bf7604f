"""Counting in a process: what counts, in bounded memory, handed on until somebody has taken it."""

from collections.abc import Sequence

import pytest

from routing.address import Address
from routing.policy import Policy
from routing.recipient import resolve
from routing.verdicts import Deliver, Reject
from store.counting.handing_over import HandOver
from store.counting.tally import Tally
from store.wire_format.counts import MOST_COUNTS, Batch, NameCount, SenderCount, UnreadableBatch, read_batch, written
from tests.unit.sample_site import DIRECTORY, NOW

SALES, INFO = Address("sales", "brand-a.test"), Address("info", "brand-a.test")
NOON = 20_000 * 86_400 + 43_200.0
ANN = "<ann@x.test>"


def tally(moment: float = NOON, **more: int) -> Tally:
    return Tally(lambda: moment, **more)


@pytest.mark.parametrize(
    ("written_to", "alias"),
    [
        ("sales@brand-a.test", SALES),
        ("sales+news@brand-a.test", SALES),
        ("sales+a+b@brand-a.test", SALES),
        ("off@brand-a.test", Address("off", "brand-a.test")),
        ("off+x@brand-a.test", Address("off", "brand-a.test")),
        ("outbox@brand-a.test", Address("outbox", "brand-a.test")),
        ("sleeping@brand-a.test", Address("sleeping", "brand-a.test")),
        ("john@brand-a.test", None),
        ("john+x@brand-a.test", None),
        ("nobody@brand-a.test", None),
        ("postmaster@brand-a.test", None),
    ],
)
def test_which_alias_a_verdict_is_about(written_to: str, alias: Address | None) -> None:
    verdict = resolve(DIRECTORY, Policy(), Address.parse(written_to), NOW)
    assert isinstance(verdict, Deliver | Reject)
    assert verdict.alias == alias


def test_what_is_counted() -> None:
    counted = tally()
    counted.accepted(SALES, ANN)
    counted.accepted(SALES, ANN)
    counted.refused(SALES, "alias-disabled", "<bob@x.test>")
    counted.refused(INFO, "alias-disabled", ANN)
    (batch,) = counted.take()
    assert batch.counts == (
        NameCount("sales", "brand-a.test", "", 20_000, 2, NOON),
        NameCount("sales", "brand-a.test", "alias-disabled", 20_000, 1, NOON),
        NameCount("info", "brand-a.test", "alias-disabled", 20_000, 1, NOON),
    )
    assert batch.senders == (
        SenderCount("sales", "brand-a.test", ANN, 2, 0, NOON),
        SenderCount("sales", "brand-a.test", "<bob@x.test>", 0, 1, NOON),
        SenderCount("info", "brand-a.test", ANN, 0, 1, NOON),
    )
    assert counted.take() == []


def test_memory_is_bounded_and_senders_do_not_push_out_counts() -> None:
    counted = tally(most=3)
    for number in range(9):
        counted.accepted(SALES, f"<n{number}@x.test>")
    (batch,) = counted.take()
    assert [count.mails for count in batch.counts] == [9]
    assert len(batch.senders) == 3
    assert counted.lost == 6
    for number in range(8):
        counted.refused(Address(f"n{number}", "brand-a.test"), "alias-disabled", ANN)
    (batch,) = counted.take()
    assert (len(batch.counts), len(batch.senders)) == (6, 3)
    assert counted.lost == 6 + 5


def test_batches_are_small() -> None:
    counted = tally()
    for number in range(MOST_COUNTS + 1):
        counted.accepted(Address(f"n{number}", "brand-a.test"), ANN)
    found = counted.take()
    assert [(len(each.counts), len(each.senders)) for each in found] == [(MOST_COUNTS, MOST_COUNTS), (1, 1)]
    assert len({each.id for each in found}) == 2


def test_counting_never_raises() -> None:
    def broken() -> float:
        raise OSError("no clock")

    counted = Tally(broken)
    counted.accepted(SALES, ANN)
    assert (counted.lost, counted.take()) == (1, [])


def test_a_batch_comes_back_as_it_was_written() -> None:
    counted = tally()
    counted.accepted(Address('"odd', "brand-a.test"), "<\udc80ü\x00@x.test>" + "x" * 999)
    (batch,) = counted.take()
    assert read_batch(written(batch).encode("ascii")) == batch
    assert len(batch.senders[0].path) == 320


@pytest.mark.parametrize(
    "text",
    [
        None, b"", b"x", b"\xff", b"[]", b"{}", b'{"id": 1, "counts": [], "senders": []}',
        b'{"id": "x", "counts": [["a", "b", "", 1, 1]], "senders": []}',
        b'{"id": "x", "counts": [["a", "b", "", 1, -1, 2]], "senders": []}',
        b'{"id": "x", "counts": [["a", "b", "", 1, 1e9, 2]], "senders": []}',
        b'{"id": "x", "counts": [["a", "b", "", 1, true, 2]], "senders": []}',
        b'{"id": "x", "counts": [["a", "b", "", 1, 3000000000, 2]], "senders": []}',
        b'{"id": "x", "counts": [["a", "b", "", 1, 1, NaN]], "senders": []}',
        b'{"id": "x", "counts": [["a", 1, "", 1, 1, 2]], "senders": []}',
        b'{"id": "x", "counts": [1], "senders": []}',
        b'{"id": "x", "counts": [], "senders": [["a", "b", "c", 1, 1, 2, 3]]}',
        b'{"id": "' + b"x" * 33 + b'", "counts": [], "senders": []}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_batch(text: bytes | None) -> None:
    with pytest.raises(UnreadableBatch):
        read_batch(text)


class Scripted:
    """A sink that fails where it is told to, before or after it has taken the batch."""

    def __init__(self, *failures: str) -> None:
        self.failures = list(failures)
        self.taken: list[Batch] = []
        self.is_closed = False

    def put(self, batch: Batch) -> None:
        failure = self.failures.pop(0) if self.failures else ""
        if failure != "before":
            self.taken.append(batch)
        if failure:
            raise OSError(f"failed {failure}")

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(("failures", "times"), [((), 1), (("before",), 1), (("after", "before", "after"), 3)])
def test_what_was_taken_is_offered_until_it_was_taken_over(failures: Sequence[str], times: int) -> None:
    """Under the same id, so that it counts once; and what is counted meanwhile comes after it."""
    counted, sink = tally(), Scripted(*failures)
    counted.accepted(SALES, ANN)
    with HandOver(counted, sink, every=0.01):
        while sink.failures:
            counted.accepted(INFO, ANN)
    ids = [batch.id for batch in sink.taken if batch.counts[0].local == "sales"]
    assert len(ids) == times
    assert len(set(ids)) == 1
    assert sink.is_closed


def test_the_end_hands_on_what_is_left() -> None:
    counted, sink = tally(), Scripted()
    with HandOver(counted, sink, every=3600):
        counted.accepted(SALES, ANN)
    assert [batch.counts[0].mails for batch in sink.taken] == [1]
