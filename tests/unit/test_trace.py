"""Which Delivered-To fields stay: those that our own trace vouches for, and no other."""

import pytest

from routing.address import Address
from routing.trace import TraceFields, delivered_to_fields, trace_value

KEY, NOW = b"k" * 32, 1_000_000.0
SALES, INFO = Address.parse("sales@brand-a.test"), Address.parse("info@brand-a.test")
BOTH = {"sales@brand-a.test": 1, "info@brand-a.test": 1}
MESSAGE_ID = ("Message-ID", "<one@x.test>")


def trace(*names: Address, key: bytes = KEY, now: float = NOW, message_id: str = "<one@x.test>") -> tuple[str, str]:
    return "X-Byname-Trace", trace_value(key, message_id, names, now)


def dt(name: object) -> tuple[str, str]:
    return "Delivered-To", str(name)


GAP = ("Received", "from x")
CASES = [  # fields from the top, Delivered-To removed, traces removed, names that stay
    ([GAP, MESSAGE_ID], (), (), {}),
    ([dt(SALES), MESSAGE_ID], (1,), (), {}),
    ([MESSAGE_ID, dt(SALES), GAP, ("DELIVERED-TO ", "x@y.test")], (1, 2), (), {}),
    ([trace(SALES), dt(SALES), GAP, MESSAGE_ID], (), (), {"sales@brand-a.test": 1}),
    ([trace(SALES, INFO), dt(SALES), dt(INFO), GAP, MESSAGE_ID], (), (), BOTH),
    ([trace(SALES), dt(f"\r\n {SALES}\t"), GAP, MESSAGE_ID], (), (), {"sales@brand-a.test": 1}),
    ([trace(SALES), dt(SALES), dt("evil@x.test"), MESSAGE_ID], (1, 2), (1,), {}),
    ([trace(SALES), dt(INFO), GAP, MESSAGE_ID], (1,), (1,), {}),
    ([trace(SALES), GAP, dt(SALES), MESSAGE_ID], (1,), (1,), {}),
    ([trace(SALES), dt(SALES), GAP, dt("evil@x.test"), MESSAGE_ID], (2,), (), {"sales@brand-a.test": 1}),
    ([dt("evil@x.test"), trace(SALES), dt(SALES), GAP, MESSAGE_ID], (1,), (), {"sales@brand-a.test": 1}),
    ([trace(INFO), dt(INFO), trace(SALES), dt(SALES), MESSAGE_ID], (), (), BOTH),
    ([trace(SALES, key=b"x" * 32), dt(SALES), MESSAGE_ID], (1,), (1,), {}),
    ([trace(SALES, message_id="<two@x.test>"), dt(SALES), MESSAGE_ID], (1,), (1,), {}),
    ([trace(SALES, now=NOW - 15 * 86400), dt(SALES), MESSAGE_ID], (1,), (1,), {}),
    ([trace(SALES, now=NOW + 7200), dt(SALES), MESSAGE_ID], (1,), (1,), {}),
    ([("X-Byname-Trace", "nonsense"), dt(SALES), MESSAGE_ID], (1,), (1,), {}),
    ([("X-Byname-Trace", "٣, 00"), dt(SALES), MESSAGE_ID], (1,), (1,), {}),
    ([("x-byname-trace", trace(SALES)[1]), dt(SALES), MESSAGE_ID, ("Message-ID", "<two@x.test>")], (), (),
     {"sales@brand-a.test": 1}),
    ([trace(), GAP, MESSAGE_ID], (), (1,), {}),
]  # fmt: skip


def trace_fields(fields: list[tuple[str, str]]) -> TraceFields:
    made = TraceFields()
    for name, value in fields:
        made.add(name, b" " + value.encode())
    return made


@pytest.mark.parametrize(("fields", "delivered_to", "traces", "stay"), CASES)
def test_what_stays(
    fields: list[tuple[str, str]], delivered_to: tuple[int, ...], traces: tuple[int, ...], stay: dict[str, int]
) -> None:
    found = trace_fields(fields).judge(KEY, NOW)
    assert (found.delivered_to, found.traces, dict(found.vouched)) == (delivered_to, traces, stay)


def test_without_a_key_nothing_stays() -> None:
    found = trace_fields([trace(SALES), dt(SALES), MESSAGE_ID]).judge(None, NOW)
    assert (found.delivered_to, found.traces) == ((1,), (1,))


def test_a_message_without_message_id() -> None:
    made = trace_fields([trace(SALES, message_id=""), dt(SALES)])
    assert made.message_id == ""
    assert made.judge(KEY, NOW).delivered_to == ()


def test_a_trace_shows_no_name() -> None:
    assert "sales" not in trace(SALES)[1]


@pytest.mark.parametrize(("returns", "loops"), [(0, False), (5, False), (6, True)])
def test_a_name_may_come_back_five_times(returns: int, *, loops: bool) -> None:
    found = trace_fields([MESSAGE_ID, *([GAP, trace(SALES), dt(SALES)] * returns)]).judge(KEY, NOW)
    assert found.loops(SALES) is loops
    assert not found.loops(INFO)


@pytest.mark.parametrize(
    ("key", "names", "expected"),
    [
        (KEY, [SALES, INFO], [trace(SALES, INFO), dt(SALES), dt(INFO)]),
        (None, [SALES], [dt(SALES)]),
        (KEY, [], []),
    ],
)
def test_the_fields_that_are_written(key: bytes | None, names: list[Address], expected: list[tuple[str, str]]) -> None:
    assert delivered_to_fields(key, "<one@x.test>", names, NOW) == expected
