"""What goes wrong behind the LMTP edge, or inside it: a 4xx for those whom it concerns, and the others go on."""

import socket
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edges.lmtp.backend import Timeouts
from routing.address import Address
from routing.directory import Directory
from routing.memory_directory import MemoryDirectory, SilentDirectory
from routing.records import HostedDomain
from tests.mail.lmtp_edge import HEADER, MESSAGE, Client, edge
from tests.mail.lmtp_store import ScriptedStore, store
from tests.unit.sample_site import BRAND_A, DIRECTORY

JOHN, MARY, EVE = "john@brand-a.test", "mary@brand-a.test", "eve@other.test"
THREE = ["sales@brand-a.test", "team@brand-a.test", "ceo@other.test"]
SHORT = Timeouts(connect=0.5, command=0.5, data=0.7)
AWAY = "451 4.4.2 <{}>: The mail store does not answer, please try again"


@contextmanager
def running(folder: Path, at: dict[tuple[str, str], str], **how) -> Iterator[tuple[ScriptedStore, Path]]:  # type: ignore[no-untyped-def]
    with store(at=at) as backend, edge(backend.address, folder, **{"timeouts": SHORT, **how}) as (_, path):
        yield backend, path


MIDDLE_ONE = [  # what the store does with mary's copy, what her sender reads
    (("rcpt", f"550 5.1.1 <{MARY}> User doesn't exist: {MARY}"),
     "550 5.1.1 <team@brand-a.test> User doesn't exist: team@brand-a.test"),
    (("rcpt", f"452 4.2.2 <{MARY}> Mailbox is full"), "452 4.2.2 <team@brand-a.test> Mailbox is full"),
    (("data", "451 4.3.0 not now"), "451 4.3.0 not now"),
    (("data", "554 5.5.1 no"), "554 5.5.1 no"),
    (("dot", f"552 5.2.2 <{MARY}> Quota exceeded"), "552 5.2.2 <team@brand-a.test> Quota exceeded"),
    (("dot", "452 4.2.2 full"), "452 4.2.2 full"),
    (("rcpt", "421 4.3.2 going down"), "451 4.3.2 going down"),
    (("rcpt", "die"), AWAY.format("team@brand-a.test")),
    (("data", "die"), AWAY.format("team@brand-a.test")),
    (("middle", "die"), AWAY.format("team@brand-a.test")),
    (("dot", "die"), AWAY.format("team@brand-a.test")),
    (("rcpt", "hang"), AWAY.format("team@brand-a.test")),
    (("middle", "hang"), AWAY.format("team@brand-a.test")),
    (("dot", "hang"), AWAY.format("team@brand-a.test")),
    (("rcpt", "garbage"), AWAY.format("team@brand-a.test")),
    (("rcpt", "354 what?"), AWAY.format("team@brand-a.test")),
    (("data", "250 what?"), AWAY.format("team@brand-a.test")),  # never an acceptance
    (("dot", "354 what?"), AWAY.format("team@brand-a.test")),
    (("dot", "999 what?"), AWAY.format("team@brand-a.test")),
    (("dot", "\0\xff"), AWAY.format("team@brand-a.test")),
]  # fmt: skip


@pytest.mark.parametrize(("event", "reply"), MIDDLE_ONE)
def test_one_of_three_fails_and_the_others_arrive(folder: Path, event: tuple[str, str], reply: str) -> None:
    with running(folder, {(MARY, event[0]): event[1]}) as (backend, path), Client(path) as client:
        assert client.deliver(THREE) == [
            "250 2.0.0 <sales@brand-a.test> Saved",
            reply,
            "250 2.0.0 <ceo@other.test> Saved",
        ]
        backend.at.clear()
        assert client.deliver(["team@brand-a.test"]) == ["250 2.0.0 <team@brand-a.test> Saved"]
    assert [kept.mailbox for kept in backend.kept] == [JOHN, EVE, MARY]


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("550 5.7.1 sender refused", "550 5.7.1 sender refused"),
        ("452 4.3.1 no room", "452 4.3.1 no room"),
        ("die", AWAY.format("sales@brand-a.test")),
        ("hang", AWAY.format("sales@brand-a.test")),
    ],
)
def test_a_sender_that_the_store_refuses(folder: Path, said: str, reply: str) -> None:
    with running(folder, {("", "mail"): said}) as (_, path), Client(path) as client:
        assert client.deliver(["sales@brand-a.test"]) == [reply]


def test_both_names_of_a_refused_copy_are_told_under_their_own_name(folder: Path) -> None:
    with running(folder, {(JOHN, "rcpt"): f"550 5.1.1 <{JOHN}> no"}) as (_, path), Client(path) as client:
        assert client.deliver(["sales@brand-a.test", "info@brand-a.test", JOHN]) == [
            "550 5.1.1 <sales@brand-a.test> no",
            "550 5.1.1 <info@brand-a.test> no",
            "550 5.1.1 <john@brand-a.test> no",
        ]


def test_each_reply_comes_as_soon_as_it_is_known(folder: Path) -> None:
    with running(folder, {(MARY, "dot"): "hang"}) as (_, path), Client(path) as client:
        client.say("MAIL FROM:<>")
        for name in THREE:
            client.say(f"RCPT TO:<{name}>")
        client.say("DATA")
        began = time.monotonic()
        client.send(MESSAGE + b".\r\n")
        assert client.reply() == "250 2.0.0 <sales@brand-a.test> Saved"
        assert time.monotonic() - began < 0.5
        assert client.reply().startswith("451 4.4.2 ")
        assert time.monotonic() - began >= 0.7


@pytest.mark.parametrize("greeting", ["554 no", "nonsense", "421 busy"])
def test_a_store_that_does_not_greet_is_away(folder: Path, greeting: str) -> None:
    with store(greeting=greeting) as backend, edge(backend.address, folder) as (_, path), Client(path) as client:
        assert client.offered == ["421 4.3.2 The mail store does not answer, please try again"]
        assert client.reply() == ""


def test_a_store_that_hangs_from_the_start_is_away(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"inet:{silent.getsockname()[1]}@127.0.0.1"
        with edge(address, folder, timeouts=SHORT) as (_, path), Client(path) as client:
            assert client.offered[0].startswith("421 4.3.2 ")


def test_a_store_absent_at_the_start_and_back_later(folder: Path) -> None:
    backend = ScriptedStore()
    with edge(backend.address, folder) as (_, path):
        with Client(path) as client:
            assert client.offered[0].startswith("421 4.3.2 ")
        with backend, Client(path) as client:
            assert client.deliver([JOHN]) == [f"250 2.0.0 <{JOHN}> Saved"]


def test_a_missing_unix_socket_is_a_store_that_is_away(folder: Path) -> None:
    with edge(f"unix:{folder}/nobody", folder) as (_, path), Client(path) as client:
        assert client.offered[0].startswith("421 4.3.2 ")


def test_a_store_that_goes_after_lhlo_and_one_restarted_between_messages(folder: Path) -> None:
    with running(folder, {}) as (backend, path), Client(path) as client:
        assert client.deliver([JOHN]) == [f"250 2.0.0 <{JOHN}> Saved"]
        backend.end_connections()
        assert client.deliver([JOHN]) == [f"250 2.0.0 <{JOHN}> Saved"]
        assert backend.connections == 2
        backend.__exit__(None, None, None)
        assert client.deliver([JOHN]) == [AWAY.format(JOHN)]


@pytest.mark.parametrize("said", ["421 4.4.2 idle for too long", "die"])
def test_a_kept_connection_that_ends_at_mail_is_replaced_and_nothing_sent_twice(folder: Path, said: str) -> None:
    with running(folder, {}) as (backend, path), Client(path) as client:
        client.deliver([JOHN])
        backend.once[("", "mail")] = said
        assert client.deliver([JOHN]) == [f"250 2.0.0 <{JOHN}> Saved"]
    assert backend.connections == 2
    assert len(backend.kept) == backend.commands.count("DATA") == 2


def test_nothing_is_sent_again_after_the_final_dot(folder: Path) -> None:
    with running(folder, {}) as (backend, path), Client(path) as client:
        client.deliver([JOHN])
        backend.at[(JOHN, "dot")] = "die"
        assert client.deliver([JOHN]) == [AWAY.format(JOHN)]
    assert backend.commands.count("DATA") == 2


def test_idle_connections_are_closed(folder: Path) -> None:
    with running(folder, {}, idle=0.2) as (backend, path), Client(path) as client:
        client.deliver([JOHN])
        time.sleep(0.3)
        client.deliver([JOHN])
    assert backend.connections == 2


def test_smtputf8_that_the_store_has_lost_means_try_again(folder: Path) -> None:
    with running(folder, {}) as (backend, path), Client(path) as client:
        backend.offered = ("8BITMIME",)
        backend.end_connections()
        assert client.deliver([JOHN], mail="FROM:<ü@x.test> SMTPUTF8") == [AWAY.format(JOHN)]
    assert backend.kept == []


# Decisions


class Changing:
    """A directory whose answers a test replaces."""

    def __init__(self) -> None:
        self.now: Directory = DIRECTORY
        self.is_broken = False

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        if self.is_broken:
            raise ZeroDivisionError
        return self.now.lookup(wanted)


CHANGED = "451 4.3.0 Recipients changed while the message was received, please try again"


@pytest.mark.parametrize(
    "later", [MemoryDirectory([]), SilentDirectory(), MemoryDirectory([HostedDomain("other.test")])]
)
def test_decisions_are_made_again_after_a_long_transfer(folder: Path, later: Directory) -> None:
    directory = Changing()
    with running(folder, {}, directory=directory, max_age=0.1) as (backend, path), Client(path) as client:
        client.say("MAIL FROM:<>")
        client.say("RCPT TO:<sales@brand-a.test>")
        client.say("RCPT TO:<ceo@other.test>")
        client.say("DATA")
        client.send(HEADER)
        directory.now = later
        time.sleep(0.2)
        client.send(b"\r\nx\r\n.\r\n")
        assert [client.reply(), client.reply()] == [CHANGED, CHANGED]
    assert backend.kept == []


def test_a_change_concerns_only_its_own_recipient(folder: Path) -> None:
    directory = Changing()
    with running(folder, {}, directory=directory, max_age=0.0) as (backend, path), Client(path) as client:
        client.say("MAIL FROM:<>")
        for name in ("sales@brand-a.test", "sales@brand-b.test"):
            client.say(f"RCPT TO:<{name}>")
        client.say("DATA")
        directory.now = MemoryDirectory([BRAND_A])
        client.send(MESSAGE + b".\r\n")
        assert [client.reply(), client.reply()] == ["250 2.0.0 <sales@brand-a.test> Saved", CHANGED]
    assert [kept.names for kept in backend.kept] == [["sales@brand-a.test"]]


def test_no_evidence_is_451_and_never_550(folder: Path) -> None:
    with running(folder, {}, directory=SilentDirectory()) as (_, path), Client(path) as client:
        client.say("MAIL FROM:<>")
        for name in ("john@brand-a.test", "nobody@brand-a.test", "x@elsewhere.test"):
            assert client.say(f"RCPT TO:<{name}>") == f"451 4.3.0 <{name}>: Recipient lookup failed, please try again"


def test_a_bug_costs_a_451_and_one_traceback(folder: Path) -> None:
    directory = Changing()
    with running(folder, {}, directory=directory, max_age=0.0) as (backend, path), Client(path) as client:
        with capture_logs() as logs:
            client.say("MAIL FROM:<>")
            client.say("RCPT TO:<sales@brand-a.test>")
            directory.is_broken = True
            assert client.say("RCPT TO:<team@brand-a.test>") == "451 4.3.0 Internal error, please try again"
            client.say("DATA")
            client.send(MESSAGE + b".\r\n")
            assert client.reply() == "451 4.3.0 <sales@brand-a.test>: Internal error, please try again"
        assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["lmtp-bug"] * 2
        directory.is_broken = False
        assert client.deliver([JOHN]) == [f"250 2.0.0 <{JOHN}> Saved"]
    assert len(backend.kept) == 1


def test_one_log_line_for_each_recipient(folder: Path) -> None:
    refusing = {(MARY, "rcpt"): "550 5.1.1 no"}
    with running(folder, refusing) as (_, path), Client(path) as client, capture_logs() as logs:
        client.deliver(["sales@brand-b.test", "team@brand-a.test", "x@brand-a.test", "x@elsewhere.test"])
    lines = [entry for entry in logs if entry["event"] == "delivery"]
    assert [(line["rcpt"], line["verdict"], line["rule"], line["reply"][:3]) for line in lines] == [
        ("x@brand-a.test", "reject", "unknown", "550"),
        ("x@elsewhere.test", "reject", "not-hosted", "550"),
        ("sales@brand-b.test", "deliver", "alias", "250"),
        ("team@brand-a.test", "deliver", "alias", "550"),
    ]
    assert lines[2]["mailbox"] == JOHN


# The client


def test_a_client_that_goes_in_the_middle_leaves_nothing_behind(folder: Path) -> None:
    with running(folder, {}) as (backend, path):
        with Client(path) as client:
            client.say("MAIL FROM:<>")
            client.say("RCPT TO:<sales@brand-a.test>")
            client.say("DATA")
            client.send(MESSAGE)
        with Client(path) as client:
            assert client.deliver([JOHN]) == [f"250 2.0.0 <{JOHN}> Saved"]
    assert [kept.mailbox for kept in backend.kept] == [JOHN]


def test_a_client_that_has_gone_gets_no_further_copies_delivered(folder: Path) -> None:
    with running(folder, {(JOHN, "dot"): "hang"}) as (backend, path):
        with Client(path) as client:
            client.say("MAIL FROM:<>")
            for name in THREE:
                client.say(f"RCPT TO:<{name}>")
            client.say("DATA")
            client.send(MESSAGE + b".\r\n")
            time.sleep(0.2)
        time.sleep(1)
    assert backend.kept == []


def test_stop_lets_a_message_come_to_its_replies_and_ends_idle_sessions(folder: Path) -> None:
    with store() as backend, edge(backend.address, folder) as (server, path), Client(path) as idle:
        with Client(path) as busy:
            busy.say("MAIL FROM:<>")
            busy.say("RCPT TO:<sales@brand-a.test>")
            server.stop()
            assert idle.reply() == "421 4.3.2 Shutting down, please try again"
            assert idle.reply() == ""
            busy.say("DATA")
            busy.send(MESSAGE + b".\r\n")
            assert busy.reply() == "250 2.0.0 <sales@brand-a.test> Saved"
            assert busy.reply() == "421 4.3.2 Shutting down, please try again"
        assert not path.exists()


# Size


def test_fifty_megabytes_pass_unchanged(folder: Path) -> None:
    with store() as backend, edge(backend.address, folder) as (_, path), Client(path) as client:
        wire = HEADER + b"\r\n" + (b"0123456789abcde\xff" * 4 + b"\r\n..dot\r\n") * 690_000
        assert len(wire) > 50_000_000
        assert client.deliver(["sales@brand-a.test"], wire) == ["250 2.0.0 <sales@brand-a.test> Saved"]
        assert backend.kept[0].wire == b"Delivered-To: sales@brand-a.test\r\n" + wire
