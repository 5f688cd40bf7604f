"""Logging: one event is one line of ASCII, in the style of a mail log or as JSON.

``byname/inbound[4711]: 4XyZ1: recipient refused rule=user-unknown to="a b@brand-a.com"``. The queue id stands first
when the event has a ``queue_id``. No value can start a second line or imitate a key: whatever is not plain is
written as a JSON string. Standard-library loggers of the libraries go the same way.

Known limits: a stream that blocks (a full pipe nobody reads) blocks the caller.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, TextIO

import structlog

EventDict = MutableMapping[str, Any]
Renderer = Callable[[Any, str, EventDict], str]

_BARE_TOKEN = re.compile(r"[!#-&(-<>-\[\]-~]+")  # printable ASCII without blanks, quotes, = and \
_RUNNING = re.compile(r"[ !#-\[\]-~]*")  # what JSON leaves as it is
_NOT_A_KEY = re.compile(r"[^A-Za-z0-9_.-]")
_LITERALS: Mapping[object, str] = {None: "-", True: "true", False: "false"}

# Libraries that tell more than an operator wants to read at the level of our own events.
_QUIET = ("alembic", "asyncio", "mail", "sqlalchemy")


class LineHandler(logging.Handler):
    """A log handler for finished lines. What cannot be written is counted and lost: no log line is worth a mail."""

    def __init__(self, stream: TextIO) -> None:
        """Write to ``stream``, which stays the caller's to close."""
        super().__init__()
        self.stream = stream
        self.lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record of a library's; never raises."""
        try:
            self.stream.write(f"{self.format(record)}\n")
            self.stream.flush()
        except Exception:  # noqa: BLE001 - closed stream, full disk, an argument whose str() fails
            self.lost += 1

    def write(self, line: str) -> None:
        """Write a finished line; never raises."""
        self.acquire()
        try:
            self.stream.write(f"{line}\n")
            self.stream.flush()
        except Exception:  # noqa: BLE001 - as above
            self.lost += 1
        finally:
            self.release()

    debug = info = warning = error = critical = write  # what structlog calls, by level


def set_up(role: str, log_format: Literal["text", "json"] = "text", stream: TextIO | None = None) -> LineHandler:
    """Send all log events of this process to ``stream`` (standard error if not given), replacing an earlier set-up."""
    handler = LineHandler(stream or sys.stderr)
    renderer = {"text": _text_renderer, "json": _json_renderer}[log_format](role)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[structlog.processors.format_exc_info, _level, renderer])
    )
    root = logging.getLogger()
    for earlier in [known for known in root.handlers if isinstance(known, LineHandler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[_finished(handler, renderer)],
        logger_factory=lambda *_: handler,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return handler


def _finished(handler: LineHandler, renderer: Renderer) -> Renderer:
    """Return what makes a line of an event of ours: past ``logging``, whose records cost twice as much as the line."""

    def finish(logger: object, level: str, event: EventDict) -> str:
        try:
            if "exc_info" in event:
                event = structlog.processors.format_exc_info(logger, level, event)
            return renderer(logger, level, _named(event, level))
        except Exception:  # noqa: BLE001 - an argument whose str() fails
            handler.lost += 1
            raise structlog.DropEvent from None

    return finish


def _level(_logger: object, _name: str, event: EventDict) -> EventDict:
    """Put the level in, and take structlog's own keys out."""
    record = event.pop("_record")
    event.pop("_from_structlog")
    return _named(event, record.levelname.lower())


def _named(event: EventDict, level: str) -> EventDict:
    """Put the level in, and name the traceback for what it is."""
    event["level"] = level
    if "exception" in event:
        event["traceback"] = event.pop("exception")
    return event


def _text_renderer(role: str) -> Renderer:
    head = f"byname/{_inline(role)}[{os.getpid()}]: "

    def render(_logger: object, _name: str, event: EventDict) -> str:
        queue_id, message = event.pop("queue_id", None), event.pop("event", "")
        if event["level"] == "info":  # the usual; only what is more, or less, says so
            event.pop("level")
        name = "" if queue_id is None else f"{_value(queue_id)}: "
        pairs = [f"{_key(key)}={_value(value)}" for key, value in event.items()]
        return head + name + " ".join([_inline(message), *pairs])

    return render


def _json_renderer(role: str) -> Renderer:
    def render(_logger: object, _name: str, event: EventDict) -> str:
        fixed = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "role": role, "pid": os.getpid()}
        return _json({**fixed, **event})

    return render


@lru_cache(1024)
def _key(key: str) -> str:
    return _NOT_A_KEY.sub("_", key)


def _value(value: object) -> str:
    """Write a value as one bare token, or one JSON string."""
    token = _LITERALS[value] if value is None or isinstance(value, bool) else _text(value)
    return token if _BARE_TOKEN.fullmatch(token) else _json(token)


def _inline(value: object) -> str:
    """Write running text: blanks stay, the rest as in a JSON string but without its quotes."""
    text = _text(value)
    return text if _RUNNING.fullmatch(text) else _json(text)[1:-1]


def _text(value: object) -> str:
    return value.decode("ascii", "backslashreplace") if isinstance(value, bytes) else str(value)


def _json(value: object) -> str:
    """Return JSON in printable ASCII; ``json`` itself lets DEL through."""
    return json.dumps(value, ensure_ascii=True, default=_text).replace("\x7f", "\\u007f")
