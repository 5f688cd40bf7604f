"""Whoever listens at PostgreSQL hears of changes at once."""

import queue
import threading
from contextlib import closing

import pytest
from sqlalchemy import make_url

from store.services import accounts, domains
from store.sql.database import Database
from store.sql.notify import listen


@pytest.mark.parametrize("form", ["{url}", "{bare}?host=127.0.0.1:1&host={folder}:5432&target_session_attrs=primary"])
def test_a_change_is_heard_of(postgres_url: str, form: str) -> None:
    bare, folder = postgres_url.partition("?")[0], make_url(postgres_url).query["host"]
    url = form.format(url=postgres_url, bare=bare, folder=folder)
    heard: queue.SimpleQueue[int] = queue.SimpleQueue()
    stopped = threading.Event()
    listener = threading.Thread(target=listen, args=(url, heard.put, stopped), daemon=True)
    listener.start()
    try:
        assert heard.get(timeout=20) == 0  # it listens
        with closing(Database.open(url)) as database, database.write() as tx:
            accounts.create(tx, "heard", "agency")
            domains.add(tx, "heard.test", account="heard", verified=True)
        assert heard.get(timeout=20) > 0
    finally:
        stopped.set()
        listener.join(20)
