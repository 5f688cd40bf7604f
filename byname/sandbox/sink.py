"""A mail server that takes everything and keeps it: the store behind LMTP, or the outside world behind SMTP."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.sink_server import Delivery, Handler, SinkController
from byname.sandbox.waiting import wait_until

__all__ = ["Delivery", "Sink"]


@dataclass(slots=True)
class Sink:
    """A sink on a loopback port. Each delivery is kept in memory, and as a file below ``folder``.

    ``refuse`` maps a recipient (as sent, lower case) to the reply its RCPT gets; it may be changed at any time.
    """

    folder: Path
    protocol: Literal["lmtp", "smtp"] = "lmtp"
    dsn: bool = True  # announce DSN, so that Postfix passes NOTIFY and ORCPT on
    smtputf8: bool = True
    refuse: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _deliveries: list[Delivery] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _controller: SinkController | None = field(default=None, init=False)

    @property
    def transport(self) -> str:
        """The nexthop for Postfix: ``inet:HOST:PORT`` for its LMTP client, ``smtp:[HOST]:PORT`` for the other."""
        return f"inet:{LOOPBACK}:{self.port}" if self.protocol == "lmtp" else f"smtp:[{LOOPBACK}]:{self.port}"

    @property
    def deliveries(self) -> list[Delivery]:
        """What has come so far, in order."""
        with self._lock:
            return list(self._deliveries)

    def wait_for(self, count: int, timeout: float = 10) -> list[Delivery]:
        """Wait for at least ``count`` deliveries and return them all.

        Raises:
            SandboxTimeout: fewer came.
        """
        wait_until(lambda: len(self.deliveries) >= count, timeout, f"{count} deliveries in the sink")
        return self.deliveries

    def clear(self) -> None:
        """Forget what has come, files included."""
        with self._lock:
            self._deliveries.clear()
            for kept in self.folder.glob("*.eml"):
                kept.unlink()

    def keep(self, delivery: Delivery) -> None:
        """Add a delivery; the server calls this."""
        with self._lock:
            self._deliveries.append(delivery)
            (self.folder / f"{len(self._deliveries):06}.eml").write_bytes(delivery.content)

    def start(self) -> None:
        """Open the port."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lmtp = self.protocol == "lmtp"
        handler = Handler(self.keep, self.refuse, per_recipient=lmtp, dsn=self.dsn)
        self._controller = SinkController(handler, self.port, lmtp=lmtp, smtputf8=self.smtputf8)
        self._controller.start()

    def stop(self) -> None:
        """Close the port and end the thread; what has come stays readable."""
        controller, self._controller = self._controller, None
        if controller is not None:
            controller.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
