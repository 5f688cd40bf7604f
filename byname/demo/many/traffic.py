"""Mail that flows through every mail machine, and what became of each: seen from outside, as a sender sees it."""

import smtplib
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import cycle
from types import TracebackType
from typing import Self

from byname.demo.world import BRAND_A, BRAND_B, INFO, JOHN, MARY, OLD_SHOP, SALES, SUPPORT
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.site import PrivateSite

MARK = "X-Demo"
_PAUSE = 0.08  # seconds between two mails to one machine
_AGAIN = 1.0  # seconds until a mail that was put off is tried again; a mail server waits longer
_AT_ONCE = 5  # mails that are tried again before the next new one
_LAST = 40.0  # seconds in which what was put off must come through at the end
_TIMEOUT = 15  # seconds for a reply

# A name, and the mailbox that its mail is for; None: it must be refused.
EXPECTED: Mapping[str, str | None] = {
    SALES: JOHN,
    INFO: JOHN,
    SUPPORT: MARY,
    f"anything@{BRAND_B}": MARY,
    JOHN: JOHN,
    OLD_SHOP: None,
    f"nobody@{BRAND_A}": None,
}


@dataclass(slots=True)
class Mail:
    """One mail: what was answered last, and where it arrived."""

    id: str
    to: str
    reply: int = 0  # 0: none yet
    arrived: list[str] = field(default_factory=list)

    @property
    def is_final(self) -> bool:
        """True once it was taken or refused."""
        return self.reply // 100 in {2, 5}


@dataclass(frozen=True, slots=True)
class Sums:
    """What became of all mails so far. The last three must stay 0."""

    sent: int
    delivered: int
    refused: int  # as they must be
    waiting: int  # put off, and tried again
    put_off: int  # replies that asked to come again
    lost: int
    wrongly_refused: int
    misdelivered: int

    @property
    def is_clean(self) -> bool:
        """True when nothing went wrong."""
        return self.lost == self.wrongly_refused == self.misdelivered == 0


class Traffic(AbstractContextManager["Traffic"]):
    """A sender for each mail machine, for the length of a block; leaving it waits until every mail was answered."""

    def __init__(self, sites: Mapping[str, PrivateSite]) -> None:
        self.mails: dict[str, Mail] = {}
        self.put_off = 0
        self._sites = sites
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._read = dict.fromkeys(sites, 0)  # deliveries that were looked at
        self._threads = [threading.Thread(target=self._send_all, args=(name,), daemon=True) for name in sites]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ending.set()
        if error is None:
            for thread in self._threads:
                thread.join(_LAST + _TIMEOUT)

    def sums(self, *, at_the_end: bool = False) -> Sums:
        """Return what became of the mails; ``at_the_end`` what was taken and did not arrive is lost."""
        self._read_deliveries()
        with self._lock:
            mails, put_off = list(self.mails.values()), self.put_off
        taken = [mail for mail in mails if mail.reply // 100 == 2]
        arrived = [mail for mail in taken if mail.arrived]
        refused = [mail for mail in mails if mail.reply // 100 == 5]
        waiting = sum(not mail.is_final for mail in mails)
        rightly = sum(EXPECTED[mail.to] is None for mail in refused)
        right = sum(set(mail.arrived) == {EXPECTED[mail.to]} for mail in arrived)
        lost = len(taken) - len(arrived) + waiting if at_the_end else 0
        return Sums(len(mails), right, rightly, waiting, put_off, lost, len(refused) - rightly, len(arrived) - right)

    def _send_all(self, name: str) -> None:
        site, again = self._sites[name], deque[tuple[float, Mail]]()
        mails = self._new(name)
        with site.inside():
            while not self._ending.wait(_PAUSE):
                self._send_some(site, [next(mails)], again)
                self._send_due(site, again)
            give_up = time.monotonic() + _LAST
            while again and time.monotonic() < give_up:
                self._send_due(site, again)
                time.sleep(_PAUSE)

    def _send_due(self, site: PrivateSite, again: deque[tuple[float, Mail]]) -> None:
        due = list[Mail]()
        while again and again[0][0] <= time.monotonic() and len(due) < _AT_ONCE:
            due.append(again.popleft()[1])
        if due:
            self._send_some(site, due, again)

    def _send_some(self, site: PrivateSite, mails: list[Mail], again: deque[tuple[float, Mail]]) -> None:
        for mail in mails:
            mail.reply = _sent(site.postfix.inbound_port, mail)
            if not mail.is_final:
                again.append((time.monotonic() + _AGAIN, mail))
                with self._lock:
                    self.put_off += 1

    def _new(self, name: str) -> Iterator[Mail]:
        for number, to in enumerate(cycle(EXPECTED)):
            mail = Mail(f"{name}-{number}", to)
            with self._lock:
                self.mails[mail.id] = mail
            yield mail

    def _read_deliveries(self) -> None:
        for name, site in self._sites.items():
            new = site.mailboxes.deliveries[self._read[name] :]
            self._read[name] += len(new)
            for delivery in new:
                _, _, rest = delivery.content.partition(f"\n{MARK}: ".encode())
                mail = self.mails.get(rest.partition(b"\n")[0].strip().decode())
                if mail is not None:
                    mail.arrived += delivery.recipients


def _sent(port: int, mail: Mail) -> int:
    """Send a mail and return the code of the reply that decides; 0 without one."""
    text = f"From: ann@outside.example\r\nTo: {mail.to}\r\nSubject: {mail.id}\r\n{MARK}: {mail.id}\r\n\r\nhello\r\n"
    try:
        with smtplib.SMTP(LOOPBACK, port, "client.example", timeout=_TIMEOUT) as smtp:
            smtp.sendmail("ann@outside.example", [mail.to], text)
    except smtplib.SMTPRecipientsRefused as refused:
        return next(iter(refused.recipients.values()))[0]
    except smtplib.SMTPResponseException as error:
        return error.smtp_code
    except (OSError, smtplib.SMTPException):
        return 0
    return 250
