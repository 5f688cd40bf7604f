"""An alias that expires on the way: what was accepted before is delivered, what came later is not."""

from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from routing.memory_directory import MemoryDirectory
from routing.records import Alias, HostedDomain
from tests.mail.lmtp_edge import HEADER, MESSAGE, Client, edge
from tests.mail.lmtp_store import store
from tests.unit.sample_site import JOHN, NOW

FAIR = "fair@brand-a.test"
ENDS = int(NOW)
SITE = MemoryDirectory(
    [HostedDomain("brand-a.test", names={"john": JOHN, "fair": Alias(JOHN, expires_at=ENDS)}, catch_all=JOHN)]
)
SAVED, UNKNOWN = f"250 2.0.0 <{FAIR}> Saved", f"550 5.1.1 <{FAIR}>: user unknown"
DAY = 86_400


def received(seconds: float) -> bytes:
    date = format_datetime(datetime.fromtimestamp(seconds, UTC))
    return f"Received: from a.test (a.test [192.0.2.1])\r\n\tby mx.test; {date} (UTC)\r\n".encode()


CASES = [  # the clock against the end, Received fields from the top, what the client reads
    (-1, [], SAVED),
    (-1, [+DAY], SAVED),
    (0, [], UNKNOWN),
    (0, [-60], SAVED),
    (0, [-60, +DAY], SAVED),  # only the topmost counts
    (DAY, [-60], SAVED),  # a day in the queue
    (DAY, [-1], SAVED),
    (DAY, [+3], SAVED),  # within the seconds that a milter may act on what it knew before
    (DAY, [+60], UNKNOWN),
    (DAY, [+60, -60], UNKNOWN),  # a sender's own words
    (DAY, [2 * DAY], UNKNOWN),  # a clock that was set back: it is judged by now
    (30 * DAY, [-60], UNKNOWN),  # no queue keeps mail so long
    (-DAY, [+60], SAVED),  # the clock was set back after the end
]


@pytest.mark.parametrize(("now", "fields", "expected"), CASES)
def test_it_is_judged_as_of_its_arrival(folder: Path, now: int, fields: list[int], expected: str) -> None:
    with store(at={}) as backend, edge(backend.address, folder, directory=SITE, wall_clock=lambda: ENDS + now) as (
        _, path,
    ), Client(path) as client:  # fmt: skip
        head = b"".join(received(ENDS + each) for each in fields)
        assert client.deliver([FAIR, str(JOHN.address)], head + MESSAGE)[-2:] == (
            [expected, f"250 2.0.0 <{JOHN.address}> Saved"]
        )
    names = [name for kept in backend.kept for name in kept.names]
    assert (FAIR in names) is (expected == SAVED)


def test_it_expires_while_the_copy_comes(folder: Path) -> None:
    now = [ENDS - 2.0]
    with store(at={}) as backend, edge(
        backend.address, folder, directory=SITE, wall_clock=lambda: now[0], max_age=0.0
    ) as (_, path), Client(path) as client:  # fmt: skip
        for at, expected in ((ENDS - 10, SAVED), (ENDS + 10, "451 4.3.0 Recipients changed")):
            now[0] = ENDS - 2.0
            client.say("MAIL FROM:<>")
            client.say(f"RCPT TO:<{FAIR}>")
            client.say("DATA")
            client.send(received(at) + HEADER)
            now[0] = ENDS + 20.0
            client.send(b"\r\nx\r\n.\r\n")
            assert client.reply().startswith(expected)


def test_what_is_no_alias_any_more_is_refused_all_the_same(folder: Path) -> None:
    """Disabled and expired: the owner's word goes first, whatever the arrival."""
    off = Alias(JOHN, is_active=False, expires_at=ENDS)
    site = MemoryDirectory([HostedDomain("brand-a.test", names={"fair": off})])
    with store(at={}) as backend, edge(backend.address, folder, directory=site, wall_clock=lambda: ENDS) as (
        _, path,
    ), Client(path) as client:  # fmt: skip
        assert client.deliver([FAIR], received(ENDS - 60) + MESSAGE) == [UNKNOWN]
