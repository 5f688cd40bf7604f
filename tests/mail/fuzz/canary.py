"""Other people's mail during a fuzz run: how long it takes, and whether all of it arrives."""

import threading
import time
from types import TracebackType
from typing import Self

from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import Dialogue
from tests.mail.fuzz.report import Limits, Report

_PAUSE = 0.2  # seconds between two mails
_TO = "<info@brand-a.test>"


class Canary:
    """Sends an ordinary mail again and again, in a thread of its own; a context manager."""

    def __init__(self, site: PrivateSite, report: Report, limits: Limits) -> None:
        self._site = site
        self._report = report
        self._limits = limits
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sing, name="canary", daemon=True)
        self.sent = 0

    def _sing(self) -> None:
        while not self._stop.wait(_PAUSE):
            name = f"canary {self.sent}"
            started = time.monotonic()
            try:
                with Dialogue(self._site.postfix.inbound_port) as smtp:
                    replies = smtp.mail([_TO], f"Subject: {name}\r\n\r\nx\r\n".encode())
            except OSError as error:
                self._report.violate(name, repr(error))
                continue
            took = time.monotonic() - started
            self._report.measure("seconds for other mail", took, name)
            if not replies[-1].startswith("250"):
                self._report.violate(name, replies[-1])
                continue
            self.sent += 1
            if self._limits.delay is not None and took > self._limits.delay:
                self._report.violate(name, f"took {took:.1f} s")

    def arrived(self) -> set[str]:
        """Return the names of those that arrived."""
        starts = [each.content for each in self._site.mailboxes.deliveries]
        lines = [line for content in starts if b"Subject: canary " in content[:2000] for line in content.splitlines()]
        return {line.decode()[9:] for line in lines if line.startswith(b"Subject: canary ")}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
