"""A mail server that answers late, or stops in the middle: nothing is lost, nothing is sent twice, others pass by.

Between the courier and a real Postfix stands a listener that holds answers back at one step of the dialogue.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from queue import SimpleQueue

import pytest
from prometheus_client import CollectorRegistry

from admin_api.sending.courier import Courier
from admin_api.sending.metrics import SendingMetrics
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.site import PrivateSite
from conf.listen import InetSocket
from store.clock import utc_now
from store.sql.database import Database
from tests.mail.test_messages import listener_of, planted, row
from tests.mail.world import JOHN, MARY, fill

FROM = b"From: john@brand-a.test\r\n"
PATIENCE = 0.7  # seconds of the courier for an answer, in place of a minute


class Said:
    """What a client says, as a server answers it: nothing (for the greeting), a command, a whole message."""

    def __init__(self) -> None:
        self.answered: SimpleQueue[bytes] = SimpleQueue()
        self.answered.put(b"")
        self._rest, self._end = b"", b"\r\n"

    def add(self, block: bytes) -> None:
        """Take what came; several commands may come at once (RFC 2920)."""
        self._rest += block
        while self._end in self._rest:
            unit, end, self._rest = self._rest.partition(self._end)
            self.answered.put(unit + end)
            self._end = b"\r\n.\r\n" if unit == b"DATA" else b"\r\n"


def answers_of(server: socket.socket) -> Iterator[bytes]:
    """Yield a server's answers one by one, however they are written."""
    answer = b""
    for line in server.makefile("rb"):
        answer += line
        if line[3:4] != b"-":
            yield answer
            answer = b""


@dataclass
class Holding:
    """A listener that hands everything on, but holds a server's answer to some words, and all after it, until told."""

    port: int  # of the server behind
    holds: Callable[[bytes], bool] = lambda _: False
    let_go: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.clients: list[socket.socket] = []
        self.listener = socket.create_server((LOOPBACK, 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def place(self) -> InetSocket:
        return InetSocket(LOOPBACK, self.listener.getsockname()[1])

    def close(self) -> None:
        self.let_go.set()
        self.listener.close()

    def cut(self) -> None:
        """End every connection, as a mail server does with one that is idle for long."""
        for client in self.clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.clients.append(client)
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = socket.create_connection((LOOPBACK, self.port))
        said = Said()
        answers = threading.Thread(target=self._answers, args=(server, client, said), daemon=True)
        answers.start()
        with suppress(OSError):
            while block := client.recv(65536):
                said.add(block)
                server.sendall(block)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)
        answers.join(5)
        client.close()
        server.close()

    def _answers(self, server: socket.socket, client: socket.socket, said: Said) -> None:
        with suppress(OSError):
            for answer in answers_of(server):
                if self.holds(said.answered.get(timeout=20)):
                    self.held.set()
                    self.let_go.wait(20)
                client.sendall(answer)


@pytest.fixture(scope="module")
def site(needs_root: None) -> Iterator[PrivateSite]:
    with PrivateSite(fill, into_sink=True, api=True, sending=True) as started:
        started.daemons["api"].stop()  # the courier is the test's
        yield started


@pytest.fixture
def store(site: PrivateSite) -> Iterator[Database]:
    opened = Database.open(site.url)
    yield opened
    opened.close()


@pytest.fixture
def between(site: PrivateSite) -> Iterator[Holding]:
    made = Holding(site.postfix.internal_port)
    yield made
    made.close()


# where it stops: words of the client whose answer is held, empty for the greeting; the state after the first attempt
STEPS = {
    "greeting": (b"", "accepted"),
    "EHLO": (b"ehlo", "accepted"),
    "XCLIENT": (b"XCLIENT", "accepted"),
    "MAIL": (b"MAIL FROM", "accepted"),
    "RCPT": (b"RCPT TO", "accepted"),
    "DATA": (b"DATA\r\n", "accepted"),
    "end of data": (b"\r\n.\r\n", "submitting"),  # Postfix has it by then
}


@pytest.mark.parametrize(("words", "state"), STEPS.values(), ids=STEPS)
def test_it_stops_in_the_middle(site: PrivateSite, store: Database, between: Holding, words: bytes, state: str) -> None:
    between.holds = lambda said: words in said if words else not said
    message = planted(store, JOHN, FROM)
    listener = replace(listener_of(site), place=between.place, timeout=PATIENCE)
    assert Courier(store, listener).carry_one()
    assert between.held.is_set()
    first = row(store, message)
    assert (first.state, first.ended_at) == (state, None)
    assert "time" in first.reply
    between.holds = lambda _: False
    later = Courier(store, replace(listener, timeout=20), now=lambda: utc_now() + timedelta(seconds=5))
    assert later.carry_one()
    assert not later.carry_one()
    assert row(store, message).state == "sent"
    site.postfix.wait_until_idle()
    assert len(site.outside.wait_for(1)) == 1


def test_an_answer_that_is_late_counts(site: PrivateSite, store: Database, between: Holding) -> None:
    between.holds = lambda said: b"\r\n.\r\n" in said
    message = planted(store, JOHN, FROM)

    def let_go() -> None:
        between.held.wait(20)
        between.let_go.set()

    late = threading.Thread(target=let_go)
    late.start()
    registry = CollectorRegistry()
    meters = SendingMetrics(registry, store)
    assert registry.get_sample_value("byname_messages_waiting") == 1
    assert Courier(store, replace(listener_of(site), place=between.place), meters=meters).carry_one()
    late.join()
    told = {outcome: {"outcome": outcome} for outcome in ("sent", "again", "refused", "unknown")}
    counted = {name: registry.get_sample_value("byname_messages_total", labels) for name, labels in told.items()}
    assert counted == {"sent": 1, "again": 0, "refused": 0, "unknown": 0}
    for gauge in ("byname_messages_waiting", "byname_messages_oldest_seconds", "byname_sent_copies_waiting"):
        assert registry.get_sample_value(gauge) == 0
    found = row(store, message)
    assert (found.state, found.attempts) == ("sent", 1)
    assert len(site.outside.wait_for(1)) == 1


def test_others_pass_by(site: PrivateSite, store: Database, between: Holding) -> None:
    """While one message hangs, others are sent; the one that hangs is, when its time has come."""
    between.holds = lambda said: b"Subject: hangs" in said
    hangs = planted(store, JOHN, FROM, "hangs")
    with Courier(store, replace(listener_of(site), place=between.place)) as courier:
        courier.wake()
        assert between.held.wait(20)
        others = [planted(store, JOHN, FROM, f"passes-{number}") for number in range(3)]
        courier.wake()
        assert len(site.outside.wait_for(3)) >= 3
        while any(row(store, one).ended_at is None for one in others):
            between.held.wait(0.05)
        assert row(store, hangs).ended_at is None
        between.let_go.set()
        while row(store, hangs).ended_at is None:
            between.held.wait(0.05)
    assert [row(store, one).state for one in (hangs, *others)] == ["sent"] * 4
    site.postfix.wait_until_idle()
    assert len(site.outside.wait_for(4)) == 4


def test_one_session_for_all_that_wait(site: PrivateSite, store: Database, between: Holding) -> None:
    """Of different mailboxes too, and of one that is refused: then the next begins anew."""
    senders = [(JOHN, JOHN), (MARY, MARY), (MARY, JOHN), (JOHN, JOHN)]  # login, who is in From
    made = [planted(store, login, f"From: {sender}\r\n".encode(), login=login) for login, sender in senders]
    courier = Courier(store, replace(listener_of(site), place=between.place))
    used = []
    while courier.carry_one():
        used.append(len(between.clients))
    assert used == [1, 1, 1, 2]
    assert [row(store, one).state for one in made] == ["sent", "sent", "refused", "sent"]
    assert {one.sender for one in site.outside.wait_for(3)} == {JOHN, MARY}


def test_a_session_that_was_ended_costs_nothing(site: PrivateSite, store: Database, between: Holding) -> None:
    courier = Courier(store, replace(listener_of(site), place=between.place))
    made = []
    for _ in range(2):
        made.append(planted(store, JOHN, FROM))
        assert courier.carry_one()
        between.cut()
    assert [(row(store, one).state, row(store, one).attempts) for one in made] == [("sent", 1)] * 2
    assert len(between.clients) == 2
    assert len(site.outside.wait_for(2)) == 2
