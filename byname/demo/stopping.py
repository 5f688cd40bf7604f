"""Signals that end the demo."""

import signal
from types import FrameType
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last when the terminal is closed


class Stopped(BaseException):
    """A signal to end came. No Exception, as KeyboardInterrupt is none: nobody on the way takes it for a failure."""


def heed_signals() -> None:
    """Let a signal to end raise :class:`Stopped`, in the main thread."""
    for number in _SIGNALS:
        signal.signal(number, _stop)


def heed_no_more_signals() -> None:
    """From here on everything is being stopped, and a second Ctrl-C must not keep the rest from it."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    heed_no_more_signals()
    raise Stopped
