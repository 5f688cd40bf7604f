"""Log lines: one event is one ASCII line, whatever is in it, and a failure to log is nobody's failure."""

import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from conf.logs import LineHandler, set_up

HEAD = f"byname/inbound[{os.getpid()}]: "


@pytest.fixture(autouse=True)
def _put_logging_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(log: Callable[[], object], log_format: Literal["text", "json"] = "text") -> list[str]:
    """Return what ``log`` writes, by line; every line must end."""
    stream = io.StringIO(newline="")
    set_up("inbound", log_format, stream)
    log()
    assert stream.getvalue().endswith("\n") or not stream.getvalue()
    return stream.getvalue().split("\n")[:-1]


def info(event: str, **keys: object) -> Callable[[], object]:
    return lambda: structlog.get_logger().info(event, **keys)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({}, "event"),
        ({"queue_id": "4XyZ1"}, "4XyZ1: event"),
        ({"queue_id": None}, "event"),
        ({"queue_id": "a b", "rule": "alias"}, '"a b": event rule=alias'),
        ({"rule": "user-unknown", "code": 550}, "event rule=user-unknown code=550"),
        ({"to": "sales@brand-a.com", "queue_id": "4XyZ1"}, "4XyZ1: event to=sales@brand-a.com"),
        ({"yes": True, "no": False, "none": None, "one": 1}, "event yes=true no=false none=- one=1"),
        ({"x": ""}, 'event x=""'),
        ({"x": "a b"}, 'event x="a b"'),
        ({"x": "a=b"}, 'event x="a=b"'),
        ({"x": 'say "a"'}, r'event x="say \"a\""'),
        ({"x": "it's"}, 'event x="it\'s"'),
        ({"x": "a\\b"}, r'event x="a\\b"'),
        ({"x": "a\r\nb\tc\0\x7f"}, r'event x="a\r\nb\tc\u0000\u007f"'),
        ({"x": "ünï"}, r'event x="\u00fcn\u00ef"'),
        ({"x": "\u2028\udcff😀"}, r'event x="\u2028\udcff\ud83d\ude00"'),
        ({"x": b"a\xff"}, r'event x="a\\xff"'),
        ({"x": ["a", 1]}, "event x=\"['a', 1]\""),
        ({"a b\n=": 1}, "event a_b__=1"),
    ],
)
def test_text_lines_read_like_a_mail_log(keys: dict[str, object], line: str) -> None:
    assert lines(info("event", **keys)) == [HEAD + line]


@pytest.mark.parametrize(
    ("event", "shown"),
    [("two words", "two words"), ("a\nb", r"a\nb"), ("ü\x7f", r"\u00fc\u007f"), ('"', r"\"")],
)
def test_an_event_stays_on_its_line(event: str, shown: str) -> None:
    assert lines(info(event)) == [HEAD + shown]


@pytest.mark.parametrize(("method", "level"), [("warning", "warning"), ("error", "error"), ("critical", "critical")])
def test_more_than_info_says_so(method: str, level: str) -> None:
    assert lines(lambda: getattr(structlog.get_logger(), method)("event")) == [f"{HEAD}event level={level}"]


def test_debug_is_not_logged() -> None:
    assert lines(lambda: structlog.get_logger().debug("event")) == []


@given(event=st.text(), key=st.text(min_size=1), value=st.text() | st.binary(), queue_id=st.text() | st.none())
def test_no_text_makes_a_second_line_or_leaves_ascii(
    event: str, key: str, value: str | bytes, queue_id: str | None
) -> None:
    formats: tuple[Literal["text", "json"], ...] = ("text", "json")
    for log_format in formats:
        stream = io.StringIO(newline="")
        handler = set_up("inbound", log_format, stream)
        structlog.get_logger().bind(**{"queue_id": queue_id, f"k{key}": value}).info(event)
        assert handler.lost == 0
        line, end, rest = stream.getvalue().partition("\n")
        assert (end, rest) == ("\n", "")
        assert all(" " <= char <= "~" for char in line)


def test_a_traceback_is_one_line() -> None:
    def log() -> None:
        try:
            int("first\nsecond")
        except ValueError:
            structlog.get_logger().exception("surprise", queue_id="4XyZ1")
            logging.getLogger("library").exception("also")

    own, library = lines(log)
    assert own.startswith(rf'{HEAD}4XyZ1: surprise level=error traceback="Traceback (most recent call last):\n')
    assert own.endswith("""ValueError: invalid literal for int() with base 10: 'first\\\\nsecond'\"""")
    assert library.startswith(rf'{HEAD}also level=error traceback="Traceback (most recent call last):\n')


def test_libraries_go_the_same_way_and_only_with_warnings_when_talkative() -> None:
    def log() -> None:
        logging.getLogger("some.library").info("got %s", "a\nb")
        logging.getLogger("sqlalchemy.engine").info("SELECT")
        logging.getLogger("alembic.runtime").warning("old")

    assert lines(log) == [rf"{HEAD}got a\nb", f"{HEAD}old level=warning"]


def test_json_is_one_object_a_line() -> None:
    line, second = lines(
        lambda: (
            info("refused", queue_id="4XyZ1", to="ü\n", raw=b"\xff", ok=True, none=None, many=[1], other=Path("/x"))(),
            structlog.get_logger().error("second"),
        ),
        "json",
    )
    found = json.loads(line)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "role": "inbound",
        "pid": os.getpid(),
        "level": "info",
        "event": "refused",
        "queue_id": "4XyZ1",
        "to": "ü\n",
        "raw": "\\xff",
        "ok": True,
        "none": None,
        "many": [1],
        "other": "/x",
    }
    assert json.loads(second)["level"] == "error"


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


def test_a_line_that_cannot_be_written_is_lost_and_counted() -> None:
    handler = set_up("inbound", "text", closed())
    info("event")()
    assert handler.lost == 1


def test_a_full_disk_is_no_error_for_the_caller() -> None:
    full = Path("/dev/full").open("w")  # noqa: SIM115 - its close fails by design
    handler = set_up("inbound", "text", full)
    info("event")()
    assert handler.lost == 1
    with pytest.raises(OSError, match="No space left"):
        full.close()


def test_a_reader_that_went_away_is_no_error_for_the_caller() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    pipe = os.fdopen(writer, "w")
    handler = set_up("inbound", "text", pipe)
    info("event")()
    assert handler.lost == 1
    with pytest.raises(BrokenPipeError):
        pipe.close()


def test_a_value_without_a_text_is_no_error_for_the_caller() -> None:
    stream = io.StringIO()
    handler = set_up("inbound", "text", stream)
    info("event", value=Unprintable())()
    info("next")()
    assert (handler.lost, stream.getvalue()) == (1, f"{HEAD}next\n")


def test_a_second_set_up_replaces_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    first = io.StringIO()
    set_up("inbound", "text", first)
    set_up("maps")
    info("event")()
    assert first.getvalue() == ""
    assert capsys.readouterr().err == f"byname/maps[{os.getpid()}]: event\n"
    assert sum(isinstance(handler, LineHandler) for handler in logging.getLogger().handlers) == 1
