"""A PostgreSQL listener: LISTEN for notifications of new outbox rows. SQLite has nothing of the kind."""

import threading
from collections.abc import Callable, Mapping

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url

from store.dead_peers import LIBPQ
from store.sql.libpq import parameters
from store.sql.outbox import CHANNEL

_LOOK = 1.0  # seconds between looks whether to stop; also before a lost connection is tried again


def listen(url: str, on_notify: Callable[[int], None], stopped: threading.Event) -> None:
    """Call ``on_notify`` with the version in every notification until ``stopped``, over lost connections too.

    0 stands for a version that is not known. For a thread of its own.
    """
    place = make_url(url)
    if not place.drivername.startswith("postgres"):
        return
    server = {**LIBPQ, **parameters(place)}
    while not stopped.is_set():
        try:
            _listen(server, on_notify, stopped)
        except (psycopg.Error, OSError):  # the relay's own reads report what is wrong
            stopped.wait(_LOOK)


def _listen(server: Mapping[str, str], on_notify: Callable[[int], None], stopped: threading.Event) -> None:
    with psycopg.connect(make_conninfo(**server), autocommit=True, connect_timeout=5) as connection:
        connection.execute(f"LISTEN {CHANNEL}")
        on_notify(0)  # for what came while nobody listened
        while not stopped.is_set():
            for notice in connection.notifies(timeout=_LOOK, stop_after=1):
                on_notify(int(notice.payload) if notice.payload.isdigit() else 0)
