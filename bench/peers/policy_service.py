"""A policy service in Python, of iRedAPD's kind: Postfix asks it at RCPT (SMTPD_POLICY_README), and it asks Redis.

It looks an address up in one hash ``names``, lets it pass, refuses it, or defers it when Redis is silent. Postfix keeps
its connections open, each served by a thread. The protocol lets it do no more: it cannot replace a recipient, remove a
header field, or know at RCPT whether this is the only recipient, and so may add no Delivered-To either.

    policy_service.py SOCKET REDIS_SOCKET
"""

import logging
import os
import socketserver
import sys
from collections.abc import Iterable

import redis


class NamesService(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """The listener."""

    daemon_threads = True
    request_queue_size = 128
    store: redis.Redis


class Conversation(socketserver.StreamRequestHandler):
    """One connection of the MTA's."""

    server: NamesService

    def handle(self) -> None:
        while asked := attributes(self.rfile):
            self.wfile.write(f"action={self.action(asked)}\n\n".encode())

    def action(self, asked: dict[str, str]) -> str:
        if asked.get("protocol_state") != "RCPT":
            return "DUNNO"
        recipient = asked.get("recipient", "").lower()
        try:
            mailbox = self.server.store.hget("names", recipient)
        except redis.RedisError:
            logging.exception("look-up of %s", recipient)
            return "DEFER look-up failed"
        logging.info("%s %s", recipient, "passes" if mailbox else "is refused")
        return "DUNNO" if mailbox else "550 5.1.1 user unknown"


def attributes(lines: Iterable[bytes]) -> dict[str, str]:
    """Return the attributes of a request, up to its empty line; nothing at the end of the connection."""
    found: dict[str, str] = {}
    for line in lines:
        name, sign, value = line.decode(errors="replace").rstrip("\n").partition("=")
        if not sign:
            break
        found[name] = value
    return found


def main() -> None:
    """Serve until SIGTERM."""
    path, redis_socket = sys.argv[1:]
    os.umask(0o007)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with NamesService(path, Conversation) as service:
        service.store = redis.Redis(unix_socket_path=redis_socket, decode_responses=True, socket_timeout=1)
        service.serve_forever()


if __name__ == "__main__":
    main()
