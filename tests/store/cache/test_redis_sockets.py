"""Questions over connections that are kept: what is open is used, what is lost is replaced, and time spent is spent."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from store.cache.connection import open_pool
from store.cache.redis_sockets import Command, KeptConnections
from tests.store.cache.tcp_proxy import TcpProxy
from tests.store.redis_server import RedisServer
from tests.store.timing import within

ECHO = ("ECHO", "hello")


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[TcpProxy]:
    proxy = TcpProxy(server.socket)
    yield proxy
    proxy.close()


def lines_to(url: str, most: int = 8) -> KeptConnections:
    return KeptConnections(open_pool(url, timeout=1, connections=most))


def test_nothing_is_opened_at_once(server: RedisServer) -> None:
    lines = lines_to(server.url)
    assert lines.at_once(ECHO, 1) is None
    assert lines.ask(ECHO, 1) == (b"hello", server.run_id)
    assert lines.at_once(ECHO, 1) == (b"hello", server.run_id)
    lines.hang_up()
    assert lines.at_once(ECHO, 1) is None
    lines.close()


def test_a_long_reply_comes_whole(server: RedisServer) -> None:
    text = "x" * 1_000_000
    assert lines_to(server.url).ask(("ECHO", text), 5) == (text.encode(), server.run_id)


def test_one_connection_serves_those_who_ask_in_turn(server: RedisServer) -> None:
    lines = lines_to(server.url, most=1)
    for number in range(100):
        assert lines.ask(("ECHO", str(number)), 1)[0] == str(number).encode()


def test_each_asker_gets_his_own_answer(server: RedisServer) -> None:
    lines, wrong = lines_to(server.url, most=16), []

    def ask(asker: int) -> None:
        for number in range(100):
            text = f"{asker} {number}"
            if lines.ask(("ECHO", text), 5)[0] != text.encode():
                wrong.append(text)

    threads = [threading.Thread(target=ask, args=(asker,)) for asker in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_restarted_server_shows_at_once(server: RedisServer) -> None:
    lines = lines_to(server.url)
    lines.ask(ECHO, 1)
    server.kill()
    assert lines.at_once(ECHO, 1) is None
    with pytest.raises(redis.ConnectionError):
        lines.ask(ECHO, 1)
    server.start()
    assert lines.ask(ECHO, 1) == (b"hello", server.run_id)


@pytest.mark.parametrize("ask", [KeptConnections.ask, KeptConnections.at_once])
def test_a_byte_at_a_time_is_late_as_a_whole(
    proxy: TcpProxy, ask: Callable[[KeptConnections, Command, float], object]
) -> None:
    lines = lines_to(proxy.url)
    lines.ask(ECHO, 1)
    proxy.piece, proxy.delay = 1, 0.05
    with within(0.5), pytest.raises(redis.TimeoutError):
        ask(lines, ECHO, 0.25)
    proxy.delay = 0.0
    assert lines.at_once(ECHO, 1) is None  # nothing is said over a connection that owes a reply


def test_an_error_reply_is_the_askers(server: RedisServer) -> None:
    lines = lines_to(server.url)
    with pytest.raises(redis.ResponseError, match="unknown command"):
        lines.ask(("NOSUCH",), 1)
    assert lines.ask(ECHO, 1)[0] == b"hello"


def test_more_than_the_pool_holds(server: RedisServer) -> None:
    lines, started = lines_to(server.url, most=1), threading.Event()

    def hold() -> None:
        started.set()
        lines.ask(("BLPOP", "nothing", "0.5"), 2)

    holder = threading.Thread(target=hold)
    holder.start()
    started.wait()
    time.sleep(0.1)
    with pytest.raises(redis.ConnectionError):
        lines.ask(ECHO, 1)
    holder.join()
    assert lines.ask(ECHO, 1)[0] == b"hello"
