"""The rig itself: what a private Postfix, a private Dovecot and the sink promise to the other tests and the demo."""

import imaplib
import os
import signal
import smtplib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from byname.sandbox.certificate import Certificate
from byname.sandbox.dovecot import PrivateDovecot
from byname.sandbox.errors import SandboxError, SandboxTimeout
from byname.sandbox.folders import short_folder
from byname.sandbox.ports import LOOPBACK, free_port, free_ports
from byname.sandbox.postfix import PrivatePostfix
from byname.sandbox.processes import Daemon, session_members
from byname.sandbox.redis import PrivateRedis
from byname.sandbox.requirements import RIG, obstacle
from byname.sandbox.sink import Sink
from store.services import accounts, aliases, domain_settings, domains, mailboxes
from store.sql.database import Database
from tests.store.new_store import make_store

MESSAGE = b"From: ann@outside.example\r\nSubject: hello\r\n\r\n.dot\r\nbye\r\n"
HOSTED = "inline:{ { brand-a.test = OK } }"


@pytest.fixture
def sink(folder: Path) -> Iterator[Sink]:
    with Sink(folder / "sink") as started:
        yield started


@pytest.fixture
def postfix(needs_root: None, folder: Path, sink: Sink, certificate: Certificate) -> Iterator[PrivatePostfix]:
    with private_postfix(folder, sink, certificate) as started:
        yield started


def private_postfix(folder: Path, sink: Sink, certificate: Certificate, **options: int) -> PrivatePostfix:
    return PrivatePostfix(
        folder / "postfix",
        domains_map=HOSTED,
        inbound_milter=None,
        submission_milter=None,
        lmtp=sink.transport,
        certificate=certificate,
        **options,  # type: ignore[arg-type]
    )


def inbound(postfix: PrivatePostfix) -> smtplib.SMTP:
    return smtplib.SMTP(LOOPBACK, postfix.inbound_port, local_hostname="client.test", timeout=20)


def test_mail_for_a_hosted_domain_arrives_as_it_was_sent(postfix: PrivatePostfix, sink: Sink) -> None:
    with inbound(postfix) as client:
        client.sendmail("ann@outside.example", ["Any.Name@brand-a.test", "b@brand-a.test"], MESSAGE)
    (delivery,) = sink.wait_for(1)
    assert delivery.sender == "ann@outside.example"
    assert delivery.recipients == ("Any.Name@brand-a.test", "b@brand-a.test")
    assert delivery.content.endswith(b"\r\n\r\n.dot\r\nbye\r\n")
    postfix.wait_until_idle()
    assert postfix.queue() == []


@pytest.mark.parametrize("recipient", ["x@elsewhere.example", "x@sub.brand-a.test", "x%elsewhere.example@[127.0.0.1]"])
def test_mail_for_others_is_refused_at_the_inbound_port(postfix: PrivatePostfix, recipient: str) -> None:
    with inbound(postfix) as client:
        client.ehlo()
        client.mail("ann@outside.example")
        code, text = client.rcpt(recipient)
    assert (code, text.split()[0]) == (554, b"5.7.1")


@pytest.mark.parametrize("port", ["submission_port", "submissions_port"])
def test_nobody_sends_on_submission_without_a_login(
    postfix: PrivatePostfix, certificate: Certificate, port: str
) -> None:
    context = ssl.create_default_context(cafile=certificate.certificate)
    client: smtplib.SMTP
    if port == "submission_port":
        client = smtplib.SMTP("localhost", postfix.submission_port, timeout=20)
        client.starttls(context=context)
    else:
        client = smtplib.SMTP_SSL("localhost", postfix.submissions_port, context=context, timeout=20)
    with client:
        client.ehlo()
        client.mail("ann@outside.example")
        assert client.rcpt("x@elsewhere.example")[0] == 554
        assert client.rcpt("x@brand-a.test")[0] == 554


def test_a_refusal_of_the_store_stays_a_refusal(postfix: PrivatePostfix, sink: Sink) -> None:
    sink.refuse["full@brand-a.test"] = "452 4.2.2 mailbox full"
    with inbound(postfix) as client:
        client.sendmail("ann@outside.example", ["full@brand-a.test", "b@brand-a.test"], MESSAGE)
    postfix.wait_for_log(r"to=<full@brand-a.test>.*status=deferred.*452 4\.2\.2 mailbox full")
    assert sink.wait_for(1)[0].recipients == ("b@brand-a.test",)
    (left,) = postfix.queue()
    assert [each["address"] for each in left["recipients"]] == ["full@brand-a.test"]
    sink.refuse.clear()
    postfix.flush()
    assert sink.wait_for(2)[1].recipients == ("full@brand-a.test",)


def test_dsn_parameters_reach_the_sink(postfix: PrivatePostfix, sink: Sink) -> None:
    with inbound(postfix) as client:
        wishes = ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;other+2Bname@brand-a.test"]
        client.sendmail("ann@outside.example", ["b@brand-a.test"], MESSAGE, ["RET=HDRS", "ENVID=abc"], wishes)
    (delivery,) = sink.wait_for(1)
    assert sorted(delivery.rcpt_options[0]) == sorted(wishes)


def test_a_setting_changed_while_it_runs_works_after_reload(postfix: PrivatePostfix) -> None:
    postfix.domains_map = "inline:{ { other.test = OK } }"
    postfix.configure()
    postfix.reload()
    with inbound(postfix) as client:
        client.ehlo()
        client.mail("ann@outside.example")
        assert client.rcpt("x@other.test")[0] == 250


def test_stop_leaves_no_process_and_start_works_again(postfix: PrivatePostfix) -> None:
    master = postfix.master()
    assert master is not None
    postfix.stop()
    assert session_members(master) == []
    assert postfix.master() is None
    postfix.start()
    assert postfix.master() is not None


def test_stop_ends_the_processes_of_a_killed_master_too(postfix: PrivatePostfix) -> None:
    master = postfix.master()
    assert master is not None
    os.kill(master, signal.SIGSTOP)  # cannot stop in an orderly way
    postfix.stop()
    assert session_members(master) == []


def test_a_busy_port_is_told_and_leaves_nothing_running(
    needs_root: None, folder: Path, sink: Sink, certificate: Certificate
) -> None:
    with socket.create_server((LOOPBACK, 0)) as busy:
        port = busy.getsockname()[1]
        postfix = private_postfix(folder, sink, certificate, inbound_port=port)
        with pytest.raises(SandboxError, match="Address already in use"):
            postfix.start()
    assert postfix.master() is None


ACTIVE, PAUSED, OFF, SUSPENDED = "john@brand-a.test", "paused@brand-a.test", "mia@off.test", "sam@suspended.test"
ALIAS = "sales@brand-a.test"
PASSWORD = "a password for tests"


@pytest.fixture(scope="module")
def dovecot(needs_root: None) -> Iterator[PrivateDovecot]:
    with short_folder() as folder:
        database = folder / "byname.db"
        make_store(f"sqlite:///{database}")
        fill_store(f"sqlite:///{database}")
        with PrivateDovecot(folder / "dovecot", database=database) as started:
            yield started


def fill_store(url: str) -> None:
    store = Database.open(url)
    with store.write() as tx:
        for account, domain in (("one", "brand-a.test"), ("two", "off.test"), ("three", "suspended.test")):
            accounts.create(tx, account, "starter")
            domains.add(tx, domain, account=account, verified=True)
        for address in (ACTIVE, PAUSED, OFF, SUSPENDED):
            mailboxes.add(tx, address, PASSWORD)
        aliases.add(tx, ALIAS, ACTIVE, can_send=True)
        mailboxes.update(tx, PAUSED, is_active=False)
        domain_settings.update(tx, "off.test", is_active=False)
        accounts.update(tx, "three", is_active=False)
    store.close()


@pytest.mark.parametrize(
    ("login", "password", "may"),
    [
        (ACTIVE, PASSWORD, True),
        (ACTIVE.upper(), PASSWORD, True),
        (ACTIVE, PASSWORD.upper(), False),
        (ACTIVE, "", False),
        (ALIAS, PASSWORD, False),
        ("john+x@brand-a.test", PASSWORD, False),
        ("john", PASSWORD, False),
        ("x' OR '1'='1@brand-a.test", PASSWORD, False),
        (PAUSED, PASSWORD, False),
        (OFF, PASSWORD, False),
        (SUSPENDED, PASSWORD, False),
    ],
)
def test_only_an_active_mailbox_logs_in(dovecot: PrivateDovecot, login: str, password: str, may: bool) -> None:
    with imaplib.IMAP4(LOOPBACK, dovecot.imap_port, timeout=20) as client:
        try:
            client.login(client._quote(login), password)
        except imaplib.IMAP4.error as refused:
            assert (may, "AUTHENTICATIONFAILED" in str(refused)) == (False, True)
        else:
            assert may


@pytest.mark.parametrize(
    ("recipient", "mailbox"),
    [(ACTIVE, ACTIVE), ("john+detail@brand-a.test", ACTIVE), (PAUSED, PAUSED), (OFF, OFF), (ALIAS, None)],
)
def test_lmtp_knows_every_mailbox_and_writes_no_delivered_to(
    dovecot: PrivateDovecot, recipient: str, mailbox: str | None
) -> None:
    dovecot.clear()
    with smtplib.LMTP(str(dovecot.lmtp_socket), local_hostname="client.test") as client:
        client.ehlo()
        client.mail("ann@outside.example")
        code = client.rcpt(recipient)[0]
        if mailbox is not None:
            client.data(MESSAGE)
    assert code == (550 if mailbox is None else 250)
    assert dovecot.addresses() == ([] if mailbox is None else [mailbox])
    if mailbox is not None:
        (message,) = dovecot.messages(mailbox)
        assert message.endswith(b"Subject: hello\n\n.dot\nbye\n")
        assert b"delivered-to" not in message.lower()


def test_a_dovecot_that_cannot_start_says_why(needs_root: None, folder: Path, dovecot: PrivateDovecot) -> None:
    second = PrivateDovecot(folder / "dovecot", database=folder / "none.db", imap_port=dovecot.imap_port)
    with pytest.raises(SandboxError, match="Address already in use"):
        second.start()


def test_the_sink_answers_each_lmtp_recipient(sink: Sink) -> None:
    sink.refuse["no@brand-a.test"] = "550 5.1.1 no such user"
    with smtplib.LMTP(LOOPBACK, sink.port, local_hostname="client.test") as client:
        client.ehlo()
        client.mail("")
        rcpt = [client.rcpt(each) for each in ("a@brand-a.test", "no@brand-a.test", '"b c"@brand-a.test')]
        data = [client.data(MESSAGE), client.getreply()]  # smtplib itself reads one reply only
    assert rcpt == [(250, b"2.1.5 OK"), (550, b"5.1.1 no such user"), (250, b"2.1.5 OK")]
    assert data == [(250, b"2.0.0 kept")] * 2
    (delivery,) = sink.deliveries
    assert (delivery.sender, delivery.recipients) == ("", ("a@brand-a.test", '"b c"@brand-a.test'))
    assert [path.read_bytes() for path in sink.folder.iterdir()] == [MESSAGE]
    sink.clear()
    assert (sink.deliveries, list(sink.folder.iterdir())) == ([], [])


def test_waiting_for_mail_that_does_not_come_says_so(sink: Sink) -> None:
    with pytest.raises(SandboxTimeout, match="1 deliveries"):
        sink.wait_for(1, timeout=0.1)


def test_a_program_that_ended_by_itself_is_told_with_its_last_words(folder: Path) -> None:
    with Daemon(["sh", "-c", "echo last words; exit 3"], folder / "log") as daemon:
        assert daemon.pid is not None
        os.waitid(os.P_PID, daemon.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(SandboxError, match="last words"):
            daemon.check_running()
        assert daemon.stop() == 3


def test_stopping_a_program_stops_what_it_started(folder: Path) -> None:
    daemon = Daemon(["sh", "-c", "trap '' TERM; sleep 60 & sleep 60"], folder / "log")
    daemon.start()
    assert daemon.pid is not None
    session = daemon.pid
    daemon.stop(grace=0.2)
    assert session_members(session) == []


@pytest.mark.parametrize(
    ("installed", "words"),
    [
        (["usr/sbin/sendmail"], "another mail server is installed (/usr/sbin/sendmail); this needs Postfix"),
        ([*RIG], None),
        ([*RIG, "usr/sbin/sendmail"], None),
        ([thing for thing in RIG if "lmtp" not in thing], "run: apt-get install -y dovecot-lmtpd"),
        ([], "run: apt-get install -y postfix openssl dovecot-core dovecot-imapd dovecot-lmtpd dovecot-sqlite"),
    ],
)
def test_what_the_machine_lacks_is_told(
    needs_root: None, folder: Path, installed: list[str], words: str | None
) -> None:
    for thing in installed:
        (folder / thing).parent.mkdir(parents=True, exist_ok=True)
        (folder / thing).touch()
    found = obstacle(folder)
    assert found is None if words is None else words in str(found)


def test_the_webmail_needs_more(needs_root: None, folder: Path) -> None:
    for thing in RIG:
        (folder / thing).parent.mkdir(parents=True, exist_ok=True)
        (folder / thing).touch()
    assert obstacle(folder) is None
    assert "roundcube-core roundcube-plugins php-cli php-sqlite3" in str(obstacle(folder, webmail=True))


def test_free_ports_are_different_and_can_be_opened() -> None:
    ports = [*free_ports(20), *(free_port() for _ in range(1000))]  # none of which anybody listens on yet
    assert len(set(ports)) == 1020
    for port in ports[:40]:
        socket.create_server((LOOPBACK, port)).close()


def test_a_private_redis_is_empty_after_it_was_killed_and_can_be_stopped_while_frozen(folder: Path) -> None:
    with PrivateRedis(folder / "redis") as redis:
        assert redis.say("SET", "name", "value") == "+OK"
        assert redis.say("EXISTS", "name") == ":1"
        redis.kill()
        with pytest.raises(OSError, match="refused"):
            redis.say("PING")
        redis.start()
        assert redis.say("EXISTS", "name") == ":0"
        redis.freeze()
    with pytest.raises(OSError, match=r"refused|No such file"):
        redis.say("PING")
