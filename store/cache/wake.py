"""Being woken over Redis when there is something in the outbox."""

import threading
from collections.abc import Callable
from typing import Any

import redis

from store.cache.connection import open_pool
from store.cache.layout import WAKE_CHANNEL

_LOOK = 1.0  # seconds between looks whether to stop; also before a lost connection is tried again


def subscribe(url: str, wake: Callable[[], None], stopped: threading.Event) -> None:
    """Call ``wake`` for every message until ``stopped``. Lost connections are replaced. For a thread of its own."""
    while not stopped.is_set():
        pool = open_pool(url, patience=5, connections=2)
        try:
            _subscribe(redis.Redis(connection_pool=pool), wake, stopped)
        except (redis.RedisError, OSError):  # the relay's own asking tells what is wrong
            stopped.wait(_LOOK)
        finally:
            pool.close()


def _subscribe(client: Any, wake: Callable[[], None], stopped: threading.Event) -> None:
    with client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(WAKE_CHANNEL)
        while not stopped.is_set():
            if subscription.get_message(timeout=_LOOK) is not None:
                wake()
