"""The LMTP edge as a server: its sessions, and the site they decide with."""

import socket

from edges.listen import Listener
from edges.lmtp.delivery import LmtpSite
from edges.lmtp.session import MOST_SESSIONS, REFUSAL_WHEN_FULL, LmtpSession
from edges.serving import ThreadedServer


class LmtpServer(ThreadedServer):
    """Takes mail on one listener until it is stopped."""

    def __init__(self, listener: Listener, site: LmtpSite, *, most: int = MOST_SESSIONS) -> None:
        """Decide and deliver with ``site`` until :meth:`replace_site`."""
        super().__init__(
            "lmtp", listener, self._begin_session, most=most, refusal=REFUSAL_WHEN_FULL, tick=self._drop_idle
        )
        self._site = site

    def replace_site(self, site: LmtpSite) -> None:
        """Decide with another site from the next message on; connections to the former store end after their use."""
        former, self._site = self._site, site
        former.store.close()

    def serve(self) -> None:
        """Serve until stopped; see :class:`ThreadedServer`."""
        super().serve()
        self._site.store.close()

    def _begin_session(self, client: socket.socket) -> LmtpSession:
        return LmtpSession(client, lambda: self._site)

    def _drop_idle(self) -> None:
        self._site.store.drop_idle()
