"""Redis pub/sub between those who change the store and the relays, and the signal that wakes the relay."""

import threading
from collections.abc import Callable
from typing import Any

import redis

from store.cache.connection import open_pool

_LOOK = 1.0  # seconds between looks whether to stop; also before a lost connection is tried again


class OutboxSignal:
    """A coalescing signal that the relay should read the outbox, up to a version. Any thread notifies, the relay waits.

    A change notifies twice, through PostgreSQL and Redis: the one after the read that found the change is dropped.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._seen = 0
        self._wanted = 0
        self._is_blind = False  # notified without a version

    def notify(self, version: int = 0) -> None:
        """Ask the relay to read the outbox up to ``version``; 0 for whatever there is."""
        with self._changed:
            self._is_blind |= not version
            self._wanted = max(self._wanted, version)
            self._changed.notify_all()

    def begin(self) -> None:
        """Note that a read begins, which answers all notifications so far."""
        with self._changed:
            self._wanted, self._is_blind = 0, False

    def looked(self, version: int) -> None:
        """Note that a read found all there was, up to ``version``."""
        with self._changed:
            self._seen = version

    def wait(self, seconds: float) -> None:
        """Wait for a notification, at most so many seconds."""
        with self._changed:
            self._changed.wait_for(self.is_pending, seconds)

    def is_pending(self) -> bool:
        """Return whether a notification is pending."""
        return self._is_blind or self._wanted > self._seen


def subscribe(url: str, channel: str, on_message: Callable[[int], None], stopped: threading.Event) -> None:
    """Call ``on_message`` with the version in every message, 0 for none, until ``stopped``. For a thread of its own.

    For a thread of its own. Lost connections are replaced; a user who may not listen gives up.
    """
    while not stopped.is_set():
        pool = open_pool(url, timeout=5, connections=2)
        try:
            _subscribe(redis.Redis(connection_pool=pool), channel, on_message, stopped)
        except redis.exceptions.NoPermissionError:
            return
        except (redis.RedisError, OSError):  # the relay's own requests report what is wrong
            stopped.wait(_LOOK)
        finally:
            pool.close()


def _subscribe(client: Any, channel: str, on_message: Callable[[int], None], stopped: threading.Event) -> None:
    with client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(channel)
        while not stopped.is_set():
            message = subscription.get_message(timeout=_LOOK)
            if message is not None:
                on_message(version_in(message["data"]))


def version_in(text: str | bytes) -> int:
    """Return the version that a message names, 0 for one that names none."""
    return int(text) if text.isdigit() else 0
