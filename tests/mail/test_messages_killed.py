"""The API killed while it sends: whatever the moment, each message is one mail, with one copy, and its program is told.

``make kills`` makes a long trial of it: 40 kills, 200 messages.
"""

import os
import random
import sys
import threading
import time
from collections import Counter
from signal import SIGKILL

import httpx
import pytest

from admin_api.sending.courier import LEASE as COURIERS_LEASE
from admin_api.sending.courier import Courier
from admin_api.sending.sent_copies import LEASE, SentCopies
from byname.sandbox.site import PrivateSite
from byname.wiring.api import sent_folder
from conf.settings import load
from store.clock import utc_now
from store.services.sending import kept
from store.services.sending.kept import KeptMessage
from store.sql.database import Database
from tests.mail.test_messages import Program, listener_of
from tests.mail.world import fill

KILLS = int(os.environ.get("BYNAME_KILLS", "2"))
AT_ONCE = 5  # messages on their way at a kill


@pytest.mark.timeout(60 + 30 * KILLS)
def test_one_mail_each(needs_root: None) -> None:
    """Programs repeat each request with its key until it is answered, as they should; the sink is the ledger."""
    moments = random.Random(17)
    with PrivateSite(fill, into_sink=True, api=True, sending=True, sent_copies=True) as site:
        program = Program(site)
        told: dict[str, int] = {}
        for kill in range(KILLS):
            subjects = [f"kill-{kill}-{number}" for number in range(AT_ONCE)]
            asking = [threading.Thread(target=ask, args=(program, subject, told)) for subject in subjects]
            for thread in asking:
                thread.start()
            time.sleep(moments.uniform(0, 0.4))
            site.daemons["api"].send(SIGKILL)
            site.daemons["api"].stop()
            site.start_daemon("api")
            site.wait_for_daemon("api")
            for thread in asking:
                thread.join(60)
        site.daemons["api"].stop()
        ended = carried_on(site, told)
        site.postfix.wait_until_idle()
        mails = Counter(one.content.split(b"Subject: ")[1].split()[0].decode() for one in site.outside.deliveries)
        attempts = Counter(one.attempts for one in ended.values())
        assert {one.status for one in ended.values()} == {"sent"}
        assert mails == dict.fromkeys(ended, 1), attempts
        assert len(ended) == KILLS * AT_ONCE
        copies = copied(site)
        counted = f"{len(ended)} messages, {sum(mails.values())} mails, {sum(copies.values())} copies"
        sys.stdout.write(f"{KILLS} kills, {counted}; messages by attempts: {dict(sorted(attempts.items()))}\n")
        assert copies == dict.fromkeys(ended, 1)
        log = site.postfix.log()
        assert all(f"{one.queue_id}: message-id={one.message_id}" in log for one in ended.values())


def carried_on(site: PrivateSite, told: dict[str, int]) -> dict[str, KeptMessage]:
    """Carry what is left when the time of those that a killed process had in hand is over; return all by subject."""
    store = Database.open(site.url)
    courier = Courier(store, listener_of(site), now=lambda: utc_now() + COURIERS_LEASE * 1.1)
    while courier.carry_one():
        pass
    with store.read() as tx:
        ended = {subject: kept.get_any(tx, message) for subject, message in told.items()}
    store.close()
    return ended


def copied(site: PrivateSite) -> Counter[str]:
    """Make the copies that are due, and those that a killed process had in hand; count all by subject."""
    store, into = Database.open(site.url), sent_folder(load(site.config, {}).sent_copy)
    assert into is not None
    late = SentCopies(store, into, now=lambda: utc_now() + LEASE * 1.1)
    while late.keep_one():
        pass
    store.close()
    sent = (site.dovecot.mail / "brand-a.test" / "john" / "Maildir" / ".Sent").glob("cur/*")
    return Counter(path.read_bytes().split(b"Subject: ")[1].split()[0].decode() for path in sent)


def ask(program: Program, subject: str, told: dict[str, int]) -> None:
    """Ask until there is an answer, and note the message's id."""
    while True:
        try:
            answer = program.send(key=subject, subject=subject)
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if answer.status_code == 202:
            told[subject] = answer.json()["data"]["id"]
            return
        time.sleep(0.2)
