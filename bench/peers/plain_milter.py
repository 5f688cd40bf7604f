"""The milter that people write: pymilter's own class, redis-py, and one hash ``names`` from addresses to mailboxes.

It refuses unknown names at RCPT, replaces aliases by their mailboxes, removes Delivered-To fields of the sender's, adds
one for a single recipient, writes a log line for each, and answers 451 when Redis is silent. It takes addresses as they
come, in lower case.

    plain_milter.py SOCKET REDIS_SOCKET
"""

import logging
import os
import sys

import Milter
import redis


class NamesMilter(Milter.Base):
    """One connection of the MTA's."""

    store: redis.Redis

    def envfrom(self, sender: str, *parameters: str) -> int:  # noqa: ARG002
        self.recipients: list[tuple[str, str]] = []  # as they came, and their mailboxes
        self.delivered_to = 0
        return Milter.CONTINUE

    def envrcpt(self, recipient: str, *parameters: str) -> int:  # noqa: ARG002
        address = recipient.strip("<>").lower()
        try:
            mailbox = self.store.hget("names", address)
        except redis.RedisError:
            logging.exception("look-up of %s", address)
            return Milter.TEMPFAIL
        if mailbox is None:
            logging.info("%s refused", address)
            self.setreply("550", "5.1.1", "user unknown")
            return Milter.REJECT
        self.recipients.append((address, str(mailbox)))
        return Milter.CONTINUE

    @Milter.noreply
    def header(self, name: str, value: str) -> int:  # noqa: ARG002
        self.delivered_to += name.lower() == "delivered-to"
        return Milter.CONTINUE

    def eom(self) -> int:
        for index in range(self.delivered_to, 0, -1):
            self.chgheader("Delivered-To", index, "")
        for address, mailbox in self.recipients:
            self.delrcpt(f"<{address}>")
            self.addrcpt(f"<{mailbox}>")
            logging.info("%s: %s to %s", self.getsymval("i"), address, mailbox)
        if len(self.recipients) == 1:
            self.addheader("Delivered-To", self.recipients[0][0], 0)
        return Milter.CONTINUE


def main() -> None:
    """Serve until SIGTERM."""
    address, redis_socket = sys.argv[1:]
    os.umask(0o007)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    NamesMilter.store = redis.Redis(unix_socket_path=redis_socket, decode_responses=True, socket_timeout=1)
    Milter.factory = NamesMilter
    Milter.set_flags(Milter.CHGHDRS | Milter.ADDHDRS | Milter.ADDRCPT | Milter.DELRCPT)
    Milter.runmilter("names", address, 30)


if __name__ == "__main__":
    main()
