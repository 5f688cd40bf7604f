"""The states of a proof, over time: what proves, what warns, what lapses, what clears. Time is an argument."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.dns.proof import LAPSE_AFTER, Event, Proof, Sighting, lapses_at, step

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEEN, GONE, SILENT = Sighting(seen=2), Sighting(absent=2, proven_absent=2), Sighting(unknown=2)
PROVED = Proof(proved=True, seen_at=START)
H = timedelta(hours=1)


def run(proof: Proof, *checks: tuple[float, Sighting]) -> tuple[Proof, list[tuple[float, Event]]]:
    """Check at some hours after START."""
    events = []
    for hour, sighting in checks:
        proof, event = step(proof, sighting, START + hour * H)
        if event:
            events.append((hour, event))
    return proof, events


@pytest.mark.parametrize(
    ("sighting", "proved"),
    [
        (Sighting(seen=1), True),
        (Sighting(seen=2), True),
        (Sighting(seen=1, unknown=3), True),
        (Sighting(seen=1, absent=1), False),  # one of the two lies, or has an old answer
        (Sighting(seen=5, absent=1, proven_absent=1), False),
        (Sighting(absent=2, proven_absent=2), False),
        (Sighting(unknown=2), False),
        (Sighting(), False),
    ],
)
def test_proving(sighting: Sighting, proved: bool) -> None:
    after, event = step(Proof(), sighting, START)
    assert after == (Proof(proved=True, seen_at=START) if proved else Proof())
    assert event is (Event.PROVED if proved else None)


def test_a_pending_domain_has_nothing_to_lapse() -> None:
    assert run(Proof(), *((24 * day, GONE) for day in range(30))) == (Proof(), [])


def test_the_operators_word_has_nothing_to_lapse() -> None:
    vouched = Proof(proved=True)
    assert run(vouched, *((24 * day, GONE) for day in range(30))) == (vouched, [])


# Hours at which two nameservers prove that the token is gone, and what happens when.
LAPSES = [
    ([0, 24, 48, 72], [(24, Event.WARNED), (72, Event.LAPSED)]),
    ([0, 24, 48, 71.9], [(24, Event.WARNED)]),
    ([0, 12, 24, 36, 48, 60, 72], [(12, Event.WARNED), (72, Event.LAPSED)]),
    ([0, 0.1, 0.2, 0.3, 11.9], []),  # in quick succession: one
    ([0, 0.1, 0.2, 100], [(100, Event.WARNED)]),
    ([0, 100], [(100, Event.WARNED)]),
    ([0, 100, 112], [(100, Event.WARNED)]),  # warned too shortly before
    ([0, 100, 112, 124], [(100, Event.WARNED), (124, Event.LAPSED)]),
    ([0, 168, 336, 504], [(168, Event.WARNED), (336, Event.LAPSED)]),  # once a week
    ([0, -5, 24, 72], [(24, Event.WARNED), (72, Event.LAPSED)]),  # a clock that was set back
]


@pytest.mark.parametrize(("hours", "events"), LAPSES)
def test_lapsing(hours: list[float], events: list[tuple[float, Event]]) -> None:
    after, happened = run(PROVED, *((hour, GONE) for hour in hours))
    assert happened == events
    assert after.lapsed == (events[-1:] != [] and events[-1][1] is Event.LAPSED)
    assert after.proved


@pytest.mark.parametrize(
    "sighting",
    [
        SILENT,
        Sighting(),
        Sighting(absent=1, proven_absent=1),  # one nameserver only
        Sighting(absent=1, proven_absent=1, unknown=5),
        Sighting(absent=2, proven_absent=1),  # without evidence
        Sighting(absent=5, proven_absent=0),
    ],
)
def test_what_never_lapses(sighting: Sighting) -> None:
    assert run(PROVED, *((24 * day, sighting) for day in range(60))) == (PROVED, [])


def test_what_could_not_be_told_neither_counts_nor_clears() -> None:
    checks = [(0, GONE), (24, SILENT), (30, GONE), (48, SILENT), (60, GONE), (72, SILENT), (80, GONE)]
    assert run(PROVED, *checks)[1] == [(30, Event.WARNED), (80, Event.LAPSED)]


@pytest.mark.parametrize("sight", [SEEN, Sighting(seen=1, absent=3, proven_absent=3), Sighting(seen=1, unknown=9)])
@pytest.mark.parametrize(
    ("missed", "event"), [([0], None), ([0, 24], Event.FOUND_AGAIN), ([0, 24, 48, 72], Event.RESTORED)]
)
def test_any_sight_clears_it_all(sight: Sighting, missed: list[float], event: Event | None) -> None:
    before, _ = run(PROVED, *((hour, GONE) for hour in missed))
    after, noticed = step(before, sight, START + 100 * H)
    assert after == Proof(proved=True, seen_at=START + 100 * H)
    assert noticed is event


def test_counting_starts_anew_after_a_sight() -> None:
    checks = [(0, GONE), (24, GONE), (48, SEEN), (72, GONE), (96, GONE), (120, GONE), (143, GONE), (156, GONE)]
    assert run(PROVED, *checks)[1] == [
        (24, Event.WARNED),
        (48, Event.FOUND_AGAIN),
        (96, Event.WARNED),
        (156, Event.LAPSED),
    ]


def test_a_lapsed_proof_stays_so_and_counts_no_more() -> None:
    lapsed, _ = run(PROVED, (0, GONE), (24, GONE), (48, GONE), (72, GONE))
    assert run(lapsed, (96, GONE), (120, SILENT)) == (lapsed, [])


def test_when_it_lapses() -> None:
    assert lapses_at(PROVED) is None
    missed, _ = run(PROVED, (0, GONE))
    assert lapses_at(missed) == START + LAPSE_AFTER
    late, _ = run(PROVED, (0, GONE), (71, GONE))
    assert lapses_at(late) == START + 95 * H
    lapsed, _ = run(PROVED, (0, GONE), (24, GONE), (48, GONE), (72, GONE))
    assert lapses_at(lapsed) is None


SIGHTINGS = st.builds(
    lambda seen, proven, more, unknown: Sighting(seen, proven + more, proven, unknown),
    st.sampled_from([0, 0, 0, 1]), st.integers(0, 3), st.integers(0, 1), st.integers(0, 2),
)  # fmt: skip


@given(st.lists(st.tuples(st.floats(0, 60), SIGHTINGS), max_size=40))
def test_never_lapsed_without_the_whole_evidence(steps: list[tuple[float, Sighting]]) -> None:
    """Whatever the nameservers say, and however often: a lapse has its three absences, its 72 hours and its warning."""
    proof, hour = PROVED, 0.0
    absences: list[float] = []
    warned = None
    for wait, sighting in steps:
        hour += wait
        proof, event = step(proof, sighting, START + hour * H)
        if sighting.seen:
            absences, warned = [], None
        elif sighting.proven_absent >= 2:
            absences.append(hour)
        if event is Event.WARNED:
            warned = hour
        if event is Event.LAPSED:
            assert len(absences) >= 3
            assert hour - absences[0] >= 72 - 1e-6
            assert warned is not None
            assert hour - warned >= 24 - 1e-6
        assert proof.proved
        assert not (sighting.seen and proof.lapsed)
