"""Python's collector of cyclic garbage at the start of a process.

Imports make some hundred thousand objects that all stay. With Python's thresholds the collector looks through them
again and again and finds nothing: a quarter of the CPU time of a start.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = 50_000  # objects made since the last look, instead of 700
_USUAL = gc.get_threshold()


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Look for garbage less often for the length of a block: a command, or a daemon until :func:`settle`."""
    before = gc.get_threshold()
    gc.set_threshold(_SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def settle() -> None:
    """Look as often as usual again, but no more at what is there by now: a daemon has started and begins its work."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
