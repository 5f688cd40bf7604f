"""What the mail server's answers mean for a message that is handed over (docs/messages.md)."""

from datetime import UTC, datetime, timedelta

import pytest

from admin_api.sending.smtp import Listener, meaning
from conf.listen import InetSocket
from routing.replies import reply
from store.services.sending.handing_over import HandOver

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
USED = reply("handover-used", reason="7B7062520CC")
AGED = reply("handover-aged")


def taken(*, is_first: bool, age: timedelta = timedelta(0), attempt: int = 1) -> HandOver:
    john = "john@brand-a.test"
    return HandOver(1, attempt, john, john, "<1@brand-a.test>", ("ann@x.test",), b"", 1, is_first, NOW - age)


# code, text, what follows for the first hand-over with a key, and for one whose key may have come through before
CASES = [
    (250, "2.0.0 Ok: queued as 7B7062520CC", "sent", "sent"),
    (250, "2.0.0 Ok", "sent", "sent"),
    (550, f"{USED.enhanced} {USED.text}", "sent", "sent"),
    (550, f"{AGED.enhanced} {AGED.text}", "accepted", "unknown"),
    (550, "5.7.1 no", "refused", "unknown"),
    (552, "5.3.4 too large", "refused", "unknown"),
    (451, "4.7.1 later", "accepted", "submitting"),
    (421, "4.3.2 bye", "accepted", "submitting"),
]


@pytest.mark.parametrize(("code", "text", "first", "again"), CASES)
def test_an_answer(code: int, text: str, first: str, again: str) -> None:
    for is_first, expected in ((True, first), (False, again)):
        found = meaning(taken(is_first=is_first), code, text, [], NOW)
        assert found.state == expected
        assert (found.wait is None) == (expected in {"sent", "refused", "unknown"})
        assert found.queue_id == ("7B7062520CC" if expected == "sent" and "7B7" in text else None)


def test_a_day_is_enough() -> None:
    for hours, state in ((23, "accepted"), (25, "refused")):
        found = meaning(taken(is_first=True, age=timedelta(hours=hours)), 451, "4.7.1 later", [], NOW)
        assert found.state == state
    assert found.reply == "the mail server did not take it within 24 hours; it said last: 451 4.7.1 later"


def test_it_waits_longer_each_time() -> None:
    waits = [meaning(taken(is_first=True, attempt=n), 451, "later", [], NOW).wait for n in (1, 2, 3, 8, 9, 5000)]
    assert waits == [timedelta(seconds=seconds) for seconds in (2, 4, 8, 256, 300, 300)]


def test_no_key_is_shown() -> None:
    assert "secret" not in repr(Listener(InetSocket("127.0.0.1", 1), b"secret"))
