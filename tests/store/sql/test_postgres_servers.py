"""Several servers in ``[store] url``, and machines that say nothing any more."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from store.dead_peers import GIVEN_UP_AFTER, PROBED_EVERY, SOCKET_OPTIONS
from store.errors import StoreUnavailable
from store.sql.database import Database
from tests.store.cache.tcp_proxy import TcpProxy
from tests.store.postgres_server import PostgresServer


class Gone:
    """A place where no PostgreSQL is any more, which shows at once; it counts who comes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.visits = 0
        threading.Thread(target=self._turn_away, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _turn_away(self) -> None:
        with suppress(OSError):
            while True:
                visitor, _ = self._listener.accept()
                self.visits += 1
                visitor.close()


@pytest.fixture
def gone() -> Iterator[Gone]:
    with closing(Gone()) as place:
        yield place


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[TcpProxy]:
    """A way to the server over TCP."""
    folder = str(make_url(postgres_url).query["host"])
    with closing(TcpProxy(Path(folder, ".s.PGSQL.5432"))) as made:
        yield made


def ask_all(database: Database) -> None:
    """Ask over a new connection of each kind."""
    with database.read() as tx, database.write() as changing:
        for session in (tx, changing):
            session.execute(text("SELECT 1"))
    for writes in (False, True):
        with database.alone(writes=writes) as connection:
            connection.execute(text("SELECT 1"))


def test_a_server_that_is_gone_is_tried_once_and_not_for_each_connection(
    postgres: PostgresServer, proxy: TcpProxy, gone: Gone
) -> None:
    places = f"host=127.0.0.1:{gone.port}&host=127.0.0.1:{proxy.port}"
    with closing(Database.open(f"postgresql://byname@/byname?{places}&target_session_attrs=primary")) as database:
        ask_all(database)
        assert gone.visits == 1
        postgres.end_sessions("byname")
        with pytest.raises(StoreUnavailable):
            ask_all(database)
        ask_all(database)
        assert gone.visits == 2  # for it may have taken over


@pytest.mark.parametrize(
    ("more", "patience"), [("", GIVEN_UP_AFTER * 1000), ("?tcp_user_timeout=9000", 9000)], ids=["ours", "the URL's"]
)
def test_a_machine_that_says_nothing_is_given_up_by_the_kernel(proxy: TcpProxy, more: str, patience: int) -> None:
    """What comes of it the row ``many-machine`` of ``make faults`` shows."""
    url = f"postgresql://byname@127.0.0.1:{proxy.port}/byname{more}"
    with closing(Database.open(url)) as database, database.lookups.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        with socket.socket(fileno=os.dup(driver.fileno())) as line:
            found = [line.getsockopt(socket.IPPROTO_TCP, option) for option in SOCKET_OPTIONS]
    assert found == [PROBED_EVERY, PROBED_EVERY, patience]
