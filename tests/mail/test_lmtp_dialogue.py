"""The LMTP edge over real sockets: what it says to every command, its parameters, pipelining, and many at once."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mail.lmtp_edge import MESSAGE, Client, edge
from tests.mail.lmtp_store import ScriptedStore, store

JOHN, MARY = "john@brand-a.test", "mary@brand-a.test"


@pytest.fixture
def backend() -> Iterator[ScriptedStore]:
    with store() as running:
        yield running


@pytest.fixture
def path(backend: ScriptedStore, folder: Path) -> Iterator[Path]:
    with edge(backend.address, folder) as (_, made):
        yield made


DIALOGUE = [  # what is said after LHLO, its reply
    (["NOOP"], "250 2.0.0 OK"),
    (["noop x"], "250 2.0.0 OK"),
    (["VRFY john"], "252 2.1.5 Send some mail and see"),
    (["RSET"], "250 2.0.0 OK"),
    (["QUIT"], "221 2.0.0 Bye"),
    (["EHLO x"], "500 5.5.1 Use LHLO, this is LMTP"),
    (["HELO x"], "500 5.5.1 Use LHLO, this is LMTP"),
    (["LHLO"], "501 5.5.4 Syntax: LHLO hostname"),
    (["STARTTLS"], "502 5.5.1 Not implemented"),
    (["EXPN x"], "502 5.5.1 Not implemented"),
    (["BDAT 5 LAST"], "502 5.5.1 Not implemented"),
    (["XYZZY"], "500 5.5.1 Unknown command"),
    ([""], "500 5.5.1 Unknown command"),
    (["x" * 9000], "500 5.5.2 Line too long"),
    (["RCPT TO:<john@brand-a.test>"], "503 5.5.1 MAIL first"),
    (["DATA"], "503 5.5.1 MAIL first"),
    (["MAIL FROM:<a@b.test>", "MAIL FROM:<a@b.test>"], "503 5.5.1 There is a MAIL already"),
    (["MAIL FROM:<a@b.test>", "DATA"], "503 5.5.1 No valid recipients"),
    (["MAIL FROM:<a@b.test>", "RCPT TO:<john@brand-a.test>", "DATA x"], "501 5.5.4 Syntax: DATA"),
    (["MAIL FROM:<a@b.test>", "RCPT TO:<x@brand-a.test>", "DATA"], "503 5.5.1 No valid recipients"),
    (["MAIL FROM:<a@b.test>", "RSET", "RCPT TO:<john@brand-a.test>"], "503 5.5.1 MAIL first"),
    (["MAIL FROM:<a@b.test>", "LHLO x", "RCPT TO:<john@brand-a.test>"], "503 5.5.1 MAIL first"),
    (["MAIL FROM:<a@b.test> SIZE=104857601"], "552 5.3.4 The message is too large"),
    (["MAIL FROM:<a@b.test> SIZE=104857600 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=x"], "250 2.1.0 OK"),
    (["MAIL FROM:<a@b.test> X=Y"], "555 5.5.4 Unsupported parameter"),
    (["MAIL FROM:<@b.test>"], "501 5.1.7 Bad sender address syntax: nothing before the @"),
    (["MAIL FROM:a@b.test"], "501 5.5.4 Syntax: FROM:<address>"),
]
RECIPIENTS = [  # as typed, the reply to RCPT
    ("<john@brand-a.test>", "250 2.1.5 OK"),
    ("<SALES@Brand-A.test.>", "250 2.1.5 OK"),
    ('<"sales"@brand-a.test>', "250 2.1.5 OK"),
    ("<@r.test:sales@brand-a.test>", "250 2.1.5 OK"),
    ("<john@bücher.test>", "250 2.1.5 OK"),
    ("<any+x@brand-b.test>", "250 2.1.5 OK"),
    ("<postmaster@brand-a.test>", "250 2.1.5 OK"),
    ("<john@brand-a.test> ORCPT=rfc822;x@y NOTIFY=NEVER", "250 2.1.5 OK"),
    ("<nobody@brand-a.test>", "550 5.1.1 <nobody@brand-a.test>: user unknown"),
    ("<off@brand-b.test>", "550 5.1.1 <off@brand-b.test>: user unknown"),
    ("<ü@brand-b.test>", "550 5.1.1 <\\xfc@brand-b.test>: user unknown"),
    ("<paused@brand-a.test>", "550 5.2.1 <paused@brand-a.test>: mailbox disabled"),
    ("<nick@off.test>", "550 5.7.1 <nick@off.test>: Domain is switched off"),
    ("<sue@suspended.test>", "451 4.7.1 <sue@suspended.test>: Account is suspended, please try again later"),
    ("<postmaster@empty.test>", "451 4.3.0 <postmaster@empty.test>: No mailbox for this system address yet, "
     "please try again"),
    ("<x@elsewhere.test>", "550 5.1.2 <x@elsewhere.test>: not hosted here"),
    ("<postmaster>", "550 5.1.2 <postmaster>: not hosted here"),
    ("<x@[192.0.2.1]>", "550 5.1.2 <x@[192.0.2.1]>: not hosted here"),
    ("<>", "501 5.1.3 Bad recipient address syntax: nothing between the brackets"),
    ("<@brand-a.test>", "501 5.1.3 Bad recipient address syntax: nothing before the @"),
    ("john@brand-a.test", "501 5.5.4 Syntax: TO:<address>"),
    ("<john@brand-a.test> SIZE=5", "555 5.5.4 Unsupported parameter"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "reply"), DIALOGUE)
def test_dialogue(path: Path, said: list[str], reply: str) -> None:
    with Client(path) as client:
        assert [client.say(line) for line in said][-1] == reply


@pytest.mark.parametrize(("typed", "reply"), RECIPIENTS)
def test_recipients(path: Path, typed: str, reply: str) -> None:
    with Client(path) as client:
        client.say("MAIL FROM:<>")
        assert client.say(f"RCPT TO:{typed}") == reply


def test_lhlo_comes_first(path: Path) -> None:
    with Client(path, hello=None) as client:
        assert client.greeting.startswith("220 ")
        assert client.say("MAIL FROM:<>") == "503 5.5.1 LHLO first"


@pytest.mark.parametrize(
    "offered", [("SIZE 1000", "8BITMIME"), ("SMTPUTF8", "DSN", "CHUNKING", "XCLIENT"), (), ("SIZE",)]
)
def test_lhlo_mirrors_what_the_store_offers(offered: tuple[str, ...], folder: Path) -> None:
    with store(offered=offered) as backend, edge(backend.address, folder) as (_, path), Client(path) as client:
        shown = [line[4:] for line in client.offered[1:]]
        mirrored = [item for item in offered if item.split()[0] in {"SIZE", "8BITMIME", "SMTPUTF8", "DSN"}]
        assert shown == ["PIPELINING", *mirrored, "ENHANCEDSTATUSCODES"]


def test_too_many_recipients_wait_for_another_message(path: Path) -> None:
    with Client(path) as client:
        client.say("MAIL FROM:<>")
        client.send(b"RCPT TO:<john@brand-a.test>\r\n" * 1001)
        replies = [client.reply() for _ in range(1001)]
    assert replies == ["250 2.1.5 OK"] * 1000 + ["452 4.5.3 Too many recipients"]


ALL = "FROM:<ann@outside.test> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2By"
PARAMETERS = [  # offered by the store, MAIL and RCPT as they reach it
    (("SIZE", "8BITMIME", "SMTPUTF8", "DSN"),
     "MAIL FROM:<ann@outside.test> SIZE=112 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2By",
     "RCPT TO:<john@brand-a.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;who@x.test"),
    (("8BITMIME",), "MAIL FROM:<ann@outside.test> BODY=8BITMIME", "RCPT TO:<john@brand-a.test>"),
    ((), "MAIL FROM:<ann@outside.test>", "RCPT TO:<john@brand-a.test>"),
]  # fmt: skip


@pytest.mark.parametrize(("offered", "mail", "rcpt"), PARAMETERS)
def test_parameters_reach_a_store_that_offers_them(
    offered: tuple[str, ...], mail: str, rcpt: str, folder: Path
) -> None:
    with store(offered=offered) as backend, edge(backend.address, folder) as (_, path), Client(path) as client:
        client.deliver(["sales@brand-a.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;who@x.test"], mail=ALL)
    (kept,) = backend.kept
    assert (kept.mail, kept.rcpt) == (mail, rcpt)
    if "SIZE=" in mail:
        assert f"SIZE={len(kept.wire)} " in kept.mail


def test_a_name_without_orcpt_is_told_to_a_dsn_store(path: Path, backend: ScriptedStore) -> None:
    with Client(path) as client:
        client.deliver(["sales+x@brand-a.test"])
    assert backend.kept[0].rcpt == "RCPT TO:<john+x@brand-a.test> ORCPT=rfc822;sales+2Bx@brand-a.test"


def test_everything_in_one_packet(path: Path, backend: ScriptedStore) -> None:
    with Client(path, hello=None) as client:
        one = b"MAIL FROM:<>\r\nRCPT TO:<sales@brand-a.test>\r\nRCPT TO:<x@brand-a.test>\r\nDATA\r\n%b.\r\n" % MESSAGE
        client.send(b"LHLO x\r\n" + one + one + b"QUIT\r\n")
        replies = [client.reply() for _ in range(12)]
    each = ["250 2.1.0 OK", "250 2.1.5 OK", "550 5.1.1 <x@brand-a.test>: user unknown",
            "354 End data with <CR><LF>.<CR><LF>", "250 2.0.0 <sales@brand-a.test> Saved"]  # fmt: skip
    assert replies[1:] == [*each, *each, "221 2.0.0 Bye"]
    assert len(backend.kept) == 2


def test_an_octet_at_a_time(path: Path, backend: ScriptedStore) -> None:
    with Client(path) as client:
        for octet in b"MAIL FROM:<>\r\nRCPT TO:<sales@brand-a.test>\r\nDATA\r\n" + MESSAGE + b"..x\r\n.\r\nQUIT\r\n":
            client.send(bytes([octet]))
        assert [client.reply()[:3] for _ in range(5)] == ["250", "250", "354", "250", "221"]
    assert backend.kept[0].wire == b"Delivered-To: sales@brand-a.test\r\n" + MESSAGE + b"..x\r\n"


LINES = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60).map(str.encode),
    st.sampled_from(
        [b"MAIL FROM:<a@b.test>", b"RCPT TO:<john@brand-a.test>", b"RSET", b"LHLO x", b"RCPT TO:<", b"MAIL"]
    ),
).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b""))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, max_size=12))
def test_every_line_gets_a_reply_whatever_it_is(path: Path, lines: list[bytes]) -> None:
    harmless = [line for line in lines if line.strip()[:4].upper() not in {b"QUIT", b"DATA"}]
    with Client(path, hello=None) as client:
        client.send(b"".join(line + b"\r\n" for line in harmless))
        replies = [client.reply() for _ in harmless]
        assert all(reply[:3].isdigit() and reply[:3] != "451" for reply in replies), replies
        assert client.say("NOOP") == "250 2.0.0 OK"


def test_connections_to_the_store_are_kept_and_shared(backend: ScriptedStore, folder: Path) -> None:
    with edge(backend.address, folder) as (_, path):
        for _ in range(5):
            with Client(path) as client:
                client.deliver(["sales@brand-a.test", "team@brand-a.test", "ceo@other.test"])
                client.deliver([JOHN])
    assert len(backend.kept) == 20
    assert backend.connections == 1


def test_one_connection_too_many_is_told_so(backend: ScriptedStore, folder: Path) -> None:
    with edge(backend.address, folder, most=2) as (_, path), Client(path), Client(path), Client(path, None) as third:
        assert third.greeting == "421 4.3.2 Too many connections, please try again"


def test_twenty_sessions_at_once(path: Path, backend: ScriptedStore) -> None:
    def work() -> None:
        with Client(path) as client:
            for _ in range(5):
                assert client.deliver(["sales@brand-a.test", "team@brand-a.test"])[1].startswith("250")

    workers = [threading.Thread(target=work) for _ in range(20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {name: len(copies) for name, copies in backend.by_mailbox.items()} == {JOHN: 100, MARY: 100}
    assert backend.connections <= 20
