"""A self-pipe for signals (signal.set_wakeup_fd): they wake the main thread whichever thread the kernel hands them to.

An Event set in a Python handler would do neither: the handler runs in the main thread only, which a signal taken by
another thread does not wake, and it could run while the main thread holds the Event's own lock.
"""

import os
import select
import signal
from collections.abc import Iterable
from signal import Signals
from types import TracebackType
from typing import Self

_WOKEN = 0  # no signal has this number


class SignalPipe:
    """Catches the given signals while it is open. A context manager, to be used in the main thread."""

    def __init__(self, *signals: Signals) -> None:
        self._signals = signals
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def wait(self, seconds: float) -> set[int]:
        """Wait for a signal, for :meth:`wake` or for the time to pass; return the signals that came."""
        select.select([self._read], [], [], seconds)
        try:
            return set(os.read(self._read, 512)) - {_WOKEN}
        except BlockingIOError:
            return set()

    def wake(self) -> None:
        """End a :meth:`wait` from another thread."""
        os.write(self._write, bytes([_WOKEN]))

    def __enter__(self) -> Self:
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        _handle(self._signals)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Leave the pipe and the handlers: the process ends, and a signal meanwhile must not cut that short."""


def _handle(signals: Iterable[Signals]) -> None:
    for number in signals:
        signal.signal(number, lambda *_: None)  # the byte on the pipe says it all
