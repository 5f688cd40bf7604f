"""Deadlines in tests."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Expect the block to end within ``seconds``."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds
