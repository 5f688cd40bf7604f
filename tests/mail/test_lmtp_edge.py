"""The LMTP edge over real sockets: each mailbox its copy with its own names, and everything else unchanged."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from byname.sandbox.sink import Sink
from routing.address import Address
from routing.memory_directory import MemoryDirectory
from routing.records import Alias, HostedDomain, Mailbox
from store.counting.tally import Tally
from tests.mail.lmtp_edge import HEADER, KEY, MESSAGE, Client, edge
from tests.mail.lmtp_store import ScriptedStore, store

JOHN, MARY, EVE = "john@brand-a.test", "mary@brand-a.test", "eve@other.test"


@pytest.fixture
def backend() -> Iterator[ScriptedStore]:
    with store() as running:
        yield running


@pytest.fixture
def path(backend: ScriptedStore, folder: Path) -> Iterator[Path]:
    with edge(backend.address, folder) as (_, made):
        yield made


COPIES = [  # names written, for each mailbox its RCPT and the names that its copy shows
    ([JOHN], {JOHN: []}),
    (["JOHN@Brand-A.test"], {JOHN: []}),
    (["sales@brand-a.test"], {JOHN: ["sales@brand-a.test"]}),
    (["Sales@Brand-A.test", "info@brand-a.test"], {JOHN: ["sales@brand-a.test", "info@brand-a.test"]}),
    (["sales@brand-a.test", "sales@brand-a.test"], {JOHN: ["sales@brand-a.test"]}),
    ([JOHN, "sales@brand-a.test"], {JOHN: ["sales@brand-a.test"]}),
    (["sales+x@brand-a.test"], {"john+x@brand-a.test": ["sales+x@brand-a.test"]}),
    (["sales+x@brand-a.test", "info+y@brand-a.test"], {JOHN: ["sales+x@brand-a.test", "info+y@brand-a.test"]}),
    (["john@bücher.test"], {JOHN: ["john@xn--bcher-kva.test"]}),
    (["any@brand-b.test", "sales@brand-b.test"], {JOHN: ["any@brand-b.test", "sales@brand-b.test"]}),
    (["team@brand-a.test", "sales@brand-b.test", "ceo@other.test", "info@brand-a.test"],
     {MARY: ["team@brand-a.test"], JOHN: ["sales@brand-b.test", "info@brand-a.test"], EVE: ["ceo@other.test"]}),
    ([MARY, "ceo@other.test"], {MARY: [], EVE: ["ceo@other.test"]}),
    (["postmaster@brand-a.test"], {MARY: ["postmaster@brand-a.test"]}),
]  # fmt: skip


@pytest.mark.parametrize(("written", "expected"), COPIES)
def test_each_mailbox_gets_one_copy_with_its_own_names(
    path: Path, backend: ScriptedStore, written: list[str], expected: dict[str, list[str]]
) -> None:
    with Client(path) as client:
        replies = client.deliver(written)
    assert replies == [f"250 2.0.0 <{Address.parse(name)}> Saved" for name in written]
    assert {name: [kept.names for kept in copies] for name, copies in backend.by_mailbox.items()} == {
        name: [names] for name, names in expected.items()
    }
    for kept in backend.kept:
        assert kept.wire == b"".join(f"Delivered-To: {name}\r\n".encode() for name in kept.names) + MESSAGE


def test_fifty_mailboxes_of_three_domains_and_two_tenants(backend: ScriptedStore, folder: Path) -> None:
    domains = []
    for name in ("one.test", "two.test", "three.test"):
        boxes = {f"box{number}": Mailbox(Address(f"box{number}", name)) for number in range(17)}
        domains.append(HostedDomain(name, names=boxes | {f"n-{local}": Alias(box) for local, box in boxes.items()}))
    written = [f"n-box{number}@{domain.name}" for number in range(17) for domain in domains][:50]
    with edge(backend.address, folder, directory=MemoryDirectory(domains)) as (_, path), Client(path) as client:
        replies = client.deliver(written)
    assert replies == [f"250 2.0.0 <{name}> Saved" for name in written]
    assert [kept.names for kept in backend.kept] == [[name] for name in written]
    assert [f"n-{kept.mailbox}" for kept in backend.kept] == written
    assert backend.connections == 1


PIECES = st.sampled_from([b"\r\n", b"\r\n", b"..", b"\r", b"\n", b"x", b"\xff\xfe", b"\0", b"a" * 1200, b" ", b"From "])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=30).map(b"".join))
def test_bodies_pass_unchanged(path: Path, backend: ScriptedStore, body: bytes) -> None:
    backend.kept.clear()
    wire = HEADER + b"\r\n" + body.replace(b"\r\n.", b"\r\n..") + b"\r\n"
    with Client(path) as client:
        assert client.deliver(["sales@brand-a.test", MARY]) == [
            "250 2.0.0 <sales@brand-a.test> Saved",
            "250 2.0.0 <mary@brand-a.test> Saved",
        ]
    assert [kept.wire for kept in backend.kept] == [b"Delivered-To: sales@brand-a.test\r\n" + MESSAGE, MESSAGE]
    with Client(path) as client:
        assert client.deliver([MARY], wire) == ["250 2.0.0 <mary@brand-a.test> Saved"]
    assert backend.kept[-1].wire == wire


AS_IT_IS = [
    HEADER,
    b"",
    b"\r\n",
    b"\r\nno header\r\n",
    HEADER + b"\r\n" + b"x" * 3_000_000 + b"\r\n",
    HEADER + b"\r\n" + b"..\r\n...\r\n..x\r\n" * 1000,
    HEADER + b"X: " + b"y" * 200_000 + b"\r\n\r\nb\r\n",
]


@pytest.mark.parametrize("wire", AS_IT_IS, ids=range(len(AS_IT_IS)))
def test_messages_of_every_shape(path: Path, backend: ScriptedStore, wire: bytes) -> None:
    with Client(path) as client:
        assert client.deliver([JOHN, "team@brand-a.test"], wire) == [
            "250 2.0.0 <john@brand-a.test> Saved",
            "250 2.0.0 <team@brand-a.test> Saved",
        ]
    assert [kept.wire for kept in backend.kept] == [wire, b"Delivered-To: team@brand-a.test\r\n" + wire]


REFUSED = [
    (HEADER + b"\r\na\n.\nb\r\n", "554 5.6.0 <{}>: The message holds a line that may be taken for its end"),
    (HEADER + b"\r\na\r\n.\nb\r\n", "554 5.6.0 <{}>: The message holds a line that may be taken for its end"),
    (HEADER + b"\r\na\n.\r\nb\r\n", "554 5.6.0 <{}>: The message holds a line that may be taken for its end"),
    (b"X: " + b"y" * 1_100_000 + b"\r\n\r\nb\r\n", "552 5.3.4 <{}>: The message header is too large"),
]


@pytest.mark.parametrize(("wire", "reply"), REFUSED)
def test_refused_after_the_data_for_every_recipient(
    path: Path, backend: ScriptedStore, wire: bytes, reply: str
) -> None:
    with Client(path) as client:
        names = [JOHN, "team@brand-a.test"]
        assert client.deliver(names, wire) == [reply.format(name) for name in names]
        assert client.say("NOOP") == "250 2.0.0 OK"
    assert backend.kept == []


def test_a_message_larger_than_the_store_takes(folder: Path) -> None:
    with store(offered=("SIZE 2000",)) as backend, edge(backend.address, folder) as (_, path), Client(path) as client:
        assert client.deliver([JOHN], MESSAGE + b"x" * 2000 + b"\r\n") == [
            f"552 5.3.4 <{JOHN}>: The message is too large"
        ]
        assert client.deliver([JOHN])[0].startswith("250 ")


def test_no_room_on_disk_means_try_again(path: Path, backend: ScriptedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with Client(path) as client:
        monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
        assert client.deliver([JOHN], MESSAGE + b"x" * 600_000 + b"\r\n") == [
            f"452 4.3.1 <{JOHN}>: No room for the message just now, please try again"
        ]
        monkeypatch.undo()
        assert client.deliver([JOHN]) == [f"250 2.0.0 <{JOHN}> Saved"]
    assert len(backend.kept) == 1


FORGED = [
    b"",
    b"Delivered-To: boss@brand-a.test\r\n",
    b"DELIVERED-to:\tboss@brand-a.test\r\n",
    b"delivered-to : a\r\n b\r\n\tc\r\n",
    b"X-Byname-Trace: 1700000000, 00\r\nDelivered-To: boss@brand-a.test\r\n",
    b"Delivered-To: boss@brand-a.test\r\n folded\r\n" * 2000,
]


@pytest.mark.parametrize("forged", FORGED, ids=["none", "one", "odd", "folded", "trace", "2000"])
@pytest.mark.parametrize("key", [None, KEY])
def test_forged_fields_go_and_the_order_of_all_others_stays(
    backend: ScriptedStore, folder: Path, forged: bytes, key: bytes | None
) -> None:
    header = b"Received: 1\r\n%bReceived: 2\r\n folded\r\nSubject: a\r\n%bSubject: b\r\n%b\r\nDelivered-To: body\r\n"
    with edge(backend.address, folder, key=key) as (_, path), Client(path) as client:
        client.deliver([JOHN, "sales@brand-a.test", "team@brand-a.test"], header % (forged, forged, forged))
    clean = header % (b"", b"", b"")
    top = {kept.mailbox: kept.wire.removesuffix(clean).decode() for kept in backend.kept}
    assert all(kept.wire.endswith(clean) for kept in backend.kept)
    assert [line.split(":")[0] for line in top[JOHN].splitlines()] == ["X-Byname-Trace"] * bool(key) + ["Delivered-To"]
    assert top[MARY].endswith("Delivered-To: team@brand-a.test\r\n")
    assert "sales" not in top[MARY]


def test_a_second_pass_changes_nothing(backend: ScriptedStore, folder: Path) -> None:
    with (
        edge(backend.address, folder, key=KEY, name="inner.sock") as (_, inner),
        edge(f"unix:{inner}", folder, key=KEY, name="outer.sock") as (_, outer),
    ):
        for first in (inner, outer):
            with Client(first) as client:
                assert client.deliver(["sales@brand-a.test", "info@brand-a.test", "ceo@other.test"], MESSAGE) == [
                    f"250 2.0.0 <{name}> Saved"
                    for name in ("sales@brand-a.test", "info@brand-a.test", "ceo@other.test")
                ]
    once, twice = backend.kept[:2], backend.kept[2:]
    for left, right in zip(once, twice, strict=True):
        assert [line for line in right.wire.splitlines() if not line.startswith(b"X-Byname-Trace")] == [
            line for line in left.wire.splitlines() if not line.startswith(b"X-Byname-Trace")
        ]
        assert right.wire.count(b"X-Byname-Trace") == 1
        assert left.mailbox == right.mailbox


def test_a_name_may_come_back_five_times_and_others_of_the_message_go_on(backend: ScriptedStore, folder: Path) -> None:
    wire = MESSAGE
    with edge(backend.address, folder, key=KEY) as (_, path), Client(path) as client:
        for returns in range(6):
            assert client.deliver(["sales@brand-a.test"], wire) == ["250 2.0.0 <sales@brand-a.test> Saved"]
            assert backend.kept[-1].names == ["sales@brand-a.test"] * (returns + 1)
            wire = b"Received: again\r\n" + backend.kept[-1].wire
        assert client.deliver(["info@brand-a.test", "sales@brand-a.test", MARY], wire) == [
            "250 2.0.0 <info@brand-a.test> Saved",
            "554 5.4.6 <sales@brand-a.test>: Too many hops through this alias",
            f"250 2.0.0 <{MARY}> Saved",
        ]
    assert [kept.names[0] for kept in backend.kept[-2:]] == ["info@brand-a.test", "sales@brand-a.test"]


@pytest.mark.parametrize("dsn", [True, False])
def test_the_sink_of_the_rig_as_store(folder: Path, *, dsn: bool) -> None:
    sink = Sink(folder / "sink", dsn=dsn)
    with sink, edge(f"inet:{sink.port}@127.0.0.1", folder) as (_, path), Client(path) as client:
        assert ("250-DSN" in client.offered) is dsn
        client.deliver(["sales@brand-a.test> NOTIFY=NEVER", "ceo@other.test"], MESSAGE + b"..dot\r\n")
    content = b"Delivered-To: %b\r\n" + MESSAGE + b".dot\r\n"
    assert [(each.recipients, each.content) for each in sink.deliveries] == [
        ((JOHN,), content % b"sales@brand-a.test"),
        ((EVE,), content % b"ceo@other.test"),
    ]
    options = ("NOTIFY=NEVER", "ORCPT=rfc822;sales@brand-a.test") if dsn else ()
    assert sink.deliveries[0].rcpt_options == (options,)


def test_what_it_counts(folder: Path) -> None:
    """Copies that the store has taken, once for each alias; and refusals at RCPT, once for each alias and rule."""
    counts = Tally()
    with (
        store(at={(MARY, "dot"): "552 5.2.2 full"}) as backend,
        edge(backend.address, folder, counts=counts) as (_, path),
        Client(path) as client,
    ):
        written = ["sales@brand-a.test", "sales+x@brand-a.test", "info@brand-a.test", "team@brand-a.test", JOHN]
        client.deliver([*written, "off@brand-a.test", "off+x@brand-a.test", "nobody@brand-a.test"])
        client.deliver(["off@brand-a.test"])
    (batch,) = counts.take()
    assert {(count.local, count.rule): count.mails for count in batch.counts} == {
        ("sales", ""): 1, ("info", ""): 1, ("off", "alias-disabled"): 2
    }  # fmt: skip
    assert {sender.path for sender in batch.senders} == {"<ann@outside.test>"}
