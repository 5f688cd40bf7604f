"""A real Postfix in front of ``byname lmtp``, a real Dovecot behind it: no milter, so nothing but the edge decides."""

import contextlib
import re
import signal
import smtplib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from byname.sandbox.certificate import Certificate
from byname.sandbox.dovecot import PrivateDovecot
from byname.sandbox.folders import short_folder
from byname.sandbox.postfix import PrivatePostfix
from byname.sandbox.processes import Daemon
from byname.sandbox.waiting import greets, wait_until
from store.sql.database import Database
from tests.mail.lmtp_edge import Client
from tests.mail.lmtp_store import ScriptedStore
from tests.mail.world import JOHN, MARY, OWNER, fill
from tests.store.new_store import make_store

HOSTED = ("brand-a.test", "brand-b.test", "off.test", "other.test", "xn--bcher-kva.test")
DOMAINS = f"inline:{{ {', '.join(f'{name}=ok' for name in HOSTED)} }}"


@dataclass
class Chain:
    """Postfix, the edge, and two stores to choose from."""

    folder: Path
    postfix: PrivatePostfix
    dovecot: PrivateDovecot
    scripted: ScriptedStore
    edge: Daemon

    @property
    def socket(self) -> Path:
        return self.folder / "lmtp.sock"

    def use(self, backend: str) -> None:
        """Let the edge hand mail to ``backend``."""
        database = f"sqlite:///{self.folder}/byname.db"
        (self.folder / "byname.toml").write_text(
            f'[store]\nurl = "{database}"\n[lmtp]\nlisten = "unix:{self.socket}"\nbackend = "{backend}"\n'
        )
        self.restart()

    def restart(self) -> None:
        self.edge.stop()
        self.edge.start()
        wait_until(lambda: greets(self.socket, b"220 "), 20, "byname lmtp")
        self.socket.chmod(0o666)  # instead of a setgid folder of Postfix's group

    def kill(self) -> None:
        self.edge.send(signal.SIGKILL)
        self.edge.stop()

    def send(self, recipients: list[str], text: bytes, sender: str = "ann@outside.example") -> None:
        with smtplib.SMTP("127.0.0.1", self.postfix.inbound_port, timeout=60) as client:
            assert client.sendmail(sender, recipients, text) == {}


@pytest.fixture(scope="module")
def running(needs_root: None, certificate: Certificate) -> Iterator[Chain]:
    with short_folder() as folder:
        url = f"sqlite:///{folder}/byname.db"
        make_store(url)
        database = Database.open(url)
        fill(database)
        database.close()
        (folder / "dovecot").mkdir()
        command = [sys.executable, "-m", "byname", "--config", str(folder / "byname.toml"), "lmtp"]
        postfix = PrivatePostfix(
            folder / "postfix",
            domains_map=DOMAINS,
            inbound_milter=None,
            submission_milter=None,
            lmtp=f"unix:{folder}/lmtp.sock",
            certificate=certificate,
            extra={"lmtp_destination_recipient_limit": "50", "message_size_limit": "60000000"},
        )
        edge = Daemon(command, folder / "lmtp.log")
        with PrivateDovecot(folder / "dovecot", database=folder / "byname.db") as dovecot, ScriptedStore() as scripted:
            chain = Chain(folder, postfix, dovecot, scripted, edge)
            chain.use(dovecot.lmtp)
            with postfix:
                yield chain
            edge.stop()


@pytest.fixture
def chain(running: Chain) -> Iterator[Chain]:
    """The chain with Dovecot as store and nothing in it."""
    running.dovecot.clear()
    running.scripted.kept.clear()
    running.scripted.at.clear()
    yield running
    if "unix" not in (running.folder / "byname.toml").read_text().split("backend")[1]:
        running.use(running.dovecot.lmtp)


def names(message: bytes) -> list[str]:
    header = message.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode()
    return re.findall(r"^delivered-to:\s*(.*)$", header, re.MULTILINE | re.IGNORECASE)


def arrived(chain: Chain, address: str, count: int = 1) -> list[bytes]:
    wait_until(lambda: len(chain.dovecot.messages(address)) >= count, 20, f"{count} mails for {address}")
    chain.postfix.wait_until_idle()
    return chain.dovecot.messages(address)


def test_each_mailbox_of_a_message_with_a_forged_field_reads_only_its_own_names(chain: Chain) -> None:
    text = b"From: ann@outside.example\r\nDelivered-To: boss@brand-a.test\r\nSubject: hello\r\n\r\nbody\r\n"
    chain.send(["sales@brand-b.test", "info@brand-a.test", "team@brand-a.test", OWNER, "any@brand-b.test"], text)
    assert [sorted(names(message)) for message in arrived(chain, JOHN)] == [  # in Postfix's order
        ["any@brand-b.test", "info@brand-a.test", "sales@brand-b.test"]
    ]
    assert [names(message) for message in arrived(chain, MARY)] == [["team@brand-a.test"]]
    assert [names(message) for message in arrived(chain, OWNER)] == [[]]


def test_fifty_names_of_two_mailboxes(chain: Chain) -> None:
    written = [f"many-{number}@brand-a.test" for number in (*range(25), *range(80, 105))]
    chain.send(written, b"Subject: many\r\n\r\nbody\r\n")
    assert [sorted(names(message)) for message in arrived(chain, JOHN)] == [sorted(written[:25])]
    assert [sorted(names(message)) for message in arrived(chain, MARY)] == [sorted(written[25:])]


def test_postfix_and_dovecot_take_a_broken_header_alike(chain: Chain) -> None:
    text = b"Subject: x\r\nno field\r\nDelivered-To: boss@brand-a.test\r\n\r\nbody\r\n"
    chain.send(["team@brand-a.test"], text)
    assert names(arrived(chain, MARY)[0]) == ["team@brand-a.test"]
    with Client(chain.socket) as client:  # and without Postfix
        assert client.deliver(["team@brand-a.test"], text)[0].startswith("250 ")
    assert names(arrived(chain, MARY, 2)[1]) == ["team@brand-a.test"]


BODIES = {
    "dots": b"..\r\n...\r\n..x\r\n",
    "8-bit": bytes(range(128, 256)) + b"\r\n",
    "long": b"y" * 5000 + b"\r\n",
    "large": (b"0123456789" * 7 + b"\r\n") * 70_000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_dovecot_keeps_what_was_sent(chain: Chain, body: bytes) -> None:
    header = b"From: ann@outside.example\r\nSubject: hello\r\n\r\n"
    with Client(chain.socket) as client:
        (reply,) = client.deliver(["sales@brand-b.test"], header + body)
    assert re.fullmatch(r"250 2.0.0 <sales@brand-b.test> \S+ Saved", reply)
    stuffed = re.sub(rb"(?m)^\.", b"", header + body).replace(b"\r\n", b"\n")
    assert arrived(chain, JOHN)[0].endswith(b"Delivered-To: sales@brand-b.test\n" + stuffed)


def test_dovecot_offers_no_dsn_and_takes_our_parameters(chain: Chain) -> None:
    with Client(chain.socket) as client:
        assert "250-DSN" not in client.offered
        assert (
            client.deliver(["sales@brand-b.test> NOTIFY=NEVER ORCPT=rfc822;x@y"], mail="FROM:<> RET=HDRS")[0][:3]
            == "250"
        )


def test_a_bounce_to_an_alias_made_by_postfix_itself(chain: Chain) -> None:
    """Postfix offers a recipient to the edge, which refuses it, and writes to the sender: no milter sees that."""
    chain.send(["nobody@brand-a.test"], b"Subject: hello\r\n\r\nbody\r\n", sender="sales@brand-b.test")
    (bounce,) = arrived(chain, JOHN)
    assert bounce.startswith(b"Return-Path: <>\n")
    assert names(bounce) == ["sales@brand-b.test"]
    assert b"said: 550 5.1.1 <nobody@brand-a.test>: user unknown" in bounce.replace(b"\n    ", b" ")


def test_a_bounce_names_the_alias_and_not_the_mailbox(chain: Chain) -> None:
    chain.use(chain.scripted.address)
    chain.scripted.at[(MARY, "rcpt")] = f"550 5.1.1 <{MARY}> User doesn't exist: {MARY}"
    chain.send(["team@brand-a.test"], b"Subject: hello\r\n\r\nbody\r\n", sender="sales@brand-b.test")
    wait_until(lambda: chain.scripted.kept, 20, "the bounce")
    (bounce,) = chain.scripted.kept
    assert (bounce.mailbox, bounce.mail.split()[1], bounce.names) == (JOHN, "FROM:<>", ["sales@brand-b.test"])
    assert b"team@brand-a.test" in bounce.wire
    assert b"mary" not in bounce.wire


def test_one_refused_for_now_is_tried_again_and_the_others_are_not(chain: Chain) -> None:
    chain.use(chain.scripted.address)
    chain.scripted.at[(MARY, "dot")] = "452 4.2.2 full"
    chain.send(["sales@brand-b.test", "team@brand-a.test", OWNER], b"Subject: hello\r\n\r\nbody\r\n")
    wait_until(lambda: len(chain.scripted.kept) == 2, 20, "the first two")
    chain.scripted.at.clear()
    chain.postfix.flush()
    wait_until(lambda: len(chain.scripted.kept) == 3, 20, "the third")
    chain.postfix.wait_until_idle()
    assert [kept.mailbox for kept in chain.scripted.kept] == [JOHN, OWNER, MARY]


@pytest.mark.parametrize("stage", ["middle", "rcpt"])
def test_an_edge_killed_in_the_middle_gives_one_copy_after_the_retry(chain: Chain, stage: str) -> None:
    chain.use(chain.scripted.address)
    chain.scripted.at[(MARY, stage)] = "hang"
    chain.send(["team@brand-a.test"], b"Subject: hello\r\n\r\n" + (b"x" * 70 + b"\r\n") * 30_000)
    wait_until(lambda: any(MARY in command for command in chain.scripted.commands[-3:]), 20, "the copy to begin")
    time.sleep(0.2)
    chain.kill()
    wait_until(lambda: chain.postfix.queue()[0]["queue_name"] == "deferred", 20, "the message to be deferred")
    chain.scripted.at.clear()
    chain.restart()
    chain.postfix.flush()
    wait_until(lambda: chain.scripted.kept, 20, "the retry")
    chain.postfix.wait_until_idle()
    time.sleep(0.3)
    assert [(kept.mailbox, kept.names) for kept in chain.scripted.kept] == [(MARY, ["team@brand-a.test"])]
    assert chain.postfix.queue() == []


def test_an_edge_killed_while_postfix_is_sending_to_it(chain: Chain) -> None:
    chain.send(["team@brand-a.test"], b"Subject: hello\r\n\r\n" + (b"x" * 70 + b"\r\n") * 600_000)
    wait_until(lambda: spooled(chain.edge) > 1_000_000, 20, "the transfer to begin")
    chain.kill()
    wait_until(lambda: chain.postfix.queue()[0]["queue_name"] == "deferred", 20, "the message to be deferred")
    assert chain.dovecot.addresses() == []
    chain.restart()
    chain.postfix.flush()
    assert [names(message) for message in arrived(chain, MARY)] == [["team@brand-a.test"]]


def spooled(edge: Daemon) -> int:
    """Return the size of the message that the edge is taking: an unlinked file, seen through proc(5)."""
    sizes = [0]
    for link in Path(f"/proc/{edge.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if str(link.readlink()).endswith("(deleted)"):
                sizes.append(link.stat().st_size)
    if max(sizes) > 1_000_000:
        edge.send(signal.SIGSTOP)
    return max(sizes)
