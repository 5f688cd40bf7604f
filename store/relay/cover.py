"""Cover for long work: it is said again and again that a rebuild goes on, so that no relay begins another."""

import threading
from collections.abc import Callable

EVERY = 2.0  # seconds; others may begin after ten (building_ms of operations.lua)


def under_cover(work: Callable[[], None], go_on: Callable[[], None], every: float = EVERY) -> None:
    """Do ``work``, and call ``go_on`` meanwhile, in a thread of its own.

    Raises:
        Exception: whatever ``work`` raises; else what ``go_on`` raised, once the work is done.
    """
    ended, failures = threading.Event(), list[Exception]()

    def say() -> None:
        while not ended.wait(every):
            try:
                go_on()
            except Exception as error:  # noqa: BLE001 - raised where the work was asked for
                failures.append(error)
                return

    thread = threading.Thread(target=say, name="cover", daemon=True)
    thread.start()
    try:
        work()
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]
