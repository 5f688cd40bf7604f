"""The milter as a process: killed, stopped, doubled, reloaded, and over a store that does not answer."""

import signal
import sqlite3
import subprocess
import time
from collections.abc import Mapping

import pytest

from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from tests.mail.dialogue import Dialogue, logged_in, submit
from tests.mail.world import JOHN

UNAVAILABLE = "451 4.7.1 Service unavailable - try again later"


def recipient_reply(site: PrivateSite, recipient: str = "<sales@brand-b.test>") -> str:
    with Dialogue(site.postfix.inbound_port) as smtp:
        mail = smtp.say("MAIL FROM:<ann@outside.example>")
        return smtp.say(f"RCPT TO:{recipient}") if mail.startswith("250") else mail


def test_a_killed_milter_means_451_and_a_new_one_serves(site: PrivateSite) -> None:
    site.daemons["inbound"].send(signal.SIGKILL)
    site.daemons["inbound"].stop()
    assert recipient_reply(site) == UNAVAILABLE
    assert recipient_reply(site, "<nobody@brand-a.test>") == UNAVAILABLE
    site.start_daemon("inbound")
    site.wait_for_daemon("inbound")
    assert recipient_reply(site).startswith("250")


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_a_milter_killed_in_the_middle_loses_nothing(site: PrivateSite, stage: str) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.say("MAIL FROM:<a@x.test>")
        if stage != "mail":
            smtp.say("RCPT TO:<sales@brand-b.test>")
        if stage == "data":
            smtp.say("DATA")
        site.daemons["inbound"].send(signal.SIGKILL)
        site.daemons["inbound"].stop()
        last = smtp.say("RCPT TO:<info@brand-a.test>") if stage != "data" else smtp.say(b"Subject: x\r\n\r\nx\r\n.")
        assert last == UNAVAILABLE
    site.start_daemon("inbound")
    site.wait_for_daemon("inbound")
    with Dialogue(site.postfix.inbound_port) as smtp:  # what an MTA does after a 451
        assert smtp.mail(["<sales@brand-b.test>"])[-1].startswith("250")
    site.postfix.wait_until_idle()
    assert [each.recipients for each in site.mailboxes.wait_for(1)] == [(JOHN,)]


def test_sigterm_lets_an_open_session_finish(site: PrivateSite) -> None:
    daemon = site.daemons["inbound"]
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.say("MAIL FROM:<a@x.test>")
        smtp.say("RCPT TO:<sales@brand-b.test>")
        daemon.send(signal.SIGTERM)
        time.sleep(0.5)
        smtp.say("DATA")
        assert smtp.say(b"Subject: x\r\n\r\nx\r\n.").startswith("250")
    assert daemon.stop() == 0
    assert "sessions_cut_short=0" in daemon.log()
    assert site.mailboxes.wait_for(1)[0].recipients == (JOHN,)
    site.start_daemon("inbound")
    site.wait_for_daemon("inbound")


def test_a_second_milter_on_the_same_port_is_refused(site: PrivateSite) -> None:
    second = site.run("milter", "--role", "inbound")
    assert second.returncode == 75
    assert "socket-busy: another program already listens on inet:" in second.stderr
    assert recipient_reply(site).startswith("250")


def test_a_second_milter_on_the_same_unix_socket_is_refused(site: PrivateSite) -> None:
    config = site.folder / "unix.toml"
    socket = site.folder / "in.sock"
    config.write_text(site.config.read_text().replace("inbound = ", f'inbound = "unix:{socket}" # '))
    command = site.command("milter", "--role", "inbound")
    command[command.index(str(site.config))] = str(config)
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert first.stderr is not None
        assert "started" in first.stderr.readline()
        assert socket.stat().st_mode & 0o777 == 0o770
        second = subprocess.run(command, check=False, capture_output=True, text=True)
        assert second.returncode == 75
        assert f"socket-busy: another process already serves unix:{socket}" in second.stderr
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert socket.exists()  # stale; the next one removes it
        third = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert third.stderr is not None
        assert "started" in third.stderr.readline()
        third.terminate()
        assert third.wait(10) == 0
        assert not socket.exists()
    finally:
        first.kill()
        first.communicate()


def test_sighup_reads_settings_again_and_keeps_the_old_ones_on_a_mistake(site: PrivateSite) -> None:
    settings = site.config.read_text()
    assert recipient_reply(site, "<sales-x@brand-a.test>").startswith("550")
    site.config.write_text(settings.replace("[routing]", '[routing]\nrecipient_delimiter = "-"'))
    reload(site, "reloaded role=inbound")
    assert recipient_reply(site, "<sales-x@brand-a.test>").startswith("250")
    site.config.write_text(settings.replace("[routing]", '[routing]\nrecipient_delimitre = "+"'))
    reload(site, "reload-failed")
    assert recipient_reply(site, "<sales-x@brand-a.test>").startswith("250")
    site.config.write_text(settings)
    reload(site, "reloaded role=inbound")
    assert recipient_reply(site, "<sales-x@brand-a.test>").startswith("550")


def reload(site: PrivateSite, expected: str) -> None:
    daemon = site.daemons["inbound"]
    before = len(daemon.log())
    daemon.send(signal.SIGHUP)
    give_up_at = time.monotonic() + 10
    while expected not in daemon.log()[before:]:
        assert time.monotonic() < give_up_at, daemon.log()
        time.sleep(0.05)


def test_a_broken_store_means_451_for_known_and_unknown_names(site: PrivateSite) -> None:
    with Dialogue(site.postfix.inbound_port) as inbound, logged_in(site, JOHN) as client, broken_store(site):
        for recipient in ("sales@brand-b.test", "nobody@brand-a.test"):
            inbound.say("MAIL FROM:<a@x.test>")
            assert inbound.say(f"RCPT TO:<{recipient}>").startswith("451 ")
            inbound.say("RSET")
        assert submit(client, "<john@brand-a.test>", b"From: john@brand-a.test") == (
            "451 4.3.0 <john@brand-a.test>: Sender lookup failed, please try again"
        )
    assert recipient_reply(site).startswith("250")


class broken_store:  # noqa: N801 - reads like a function
    """Make every look-up fail, while the file stays."""

    def __init__(self, site: PrivateSite) -> None:
        self._file = site.database

    def __enter__(self) -> None:
        self._rename("addresses", "hidden")

    def __exit__(self, *_: object) -> None:
        self._rename("hidden", "addresses")

    def _rename(self, old: str, new: str) -> None:
        with sqlite3.connect(self._file) as connection:
            connection.execute(f"ALTER TABLE {old} RENAME TO {new}")


def test_mail_from_a_login_on_the_inbound_port_is_refused(site: PrivateSite) -> None:
    """AUTH offered on port 25 would pass the sender guard by (docs/design.md, section 4, row 2)."""
    extra = {
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": str(site.dovecot.sasl_socket),
        "smtpd_tls_auth_only": "no",
    }
    usual = site.postfix.extra
    reconfigure(site, {**usual, **extra})
    try:
        wait_until(lambda: offers_auth(site), 20, "AUTH on the inbound port")
        with logged_in(site, JOHN, port=site.postfix.inbound_port) as client:
            assert client.docmd("MAIL FROM:<john@brand-a.test>") == (
                550,
                b"5.7.1 Log in on the submission port, not here",
            )
    finally:
        reconfigure(site, usual)


def reconfigure(site: PrivateSite, extra: Mapping[str, str]) -> None:
    site.postfix.extra = extra
    site.postfix.configure()
    site.postfix.reload()


def offers_auth(site: PrivateSite) -> bool:
    """A listener from before the reload may still take a connection."""
    with Dialogue(site.postfix.inbound_port) as smtp:
        return "AUTH" in smtp.say("EHLO client.test")
