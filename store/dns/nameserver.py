"""A DNS query to one nameserver: UDP, TCP after truncation, within a deadline. Returns the DNS message.

Bounded: ``tries`` queries of ``timeout`` seconds. Whatever goes wrong is :class:`NoAnswer`, with a reason for people.
"""

import socket
import time
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode

_PAYLOAD = 1232  # octets that pass everywhere unfragmented (DNS flag day 2020)


@dataclass(frozen=True, slots=True)
class Nameserver:
    """The address of a nameserver."""

    host: str  # an IP address
    port: int = 53

    def __str__(self) -> str:
        if self.port == 53:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Timeout and number of tries for one nameserver."""

    timeout: float = 2.0  # seconds for one try
    tries: int = 2
    whole: float = 10.0  # seconds for one question, all CNAMEs together


class NoAnswer(Exception):
    """There was no usable answer; the message says why."""


def exchange(server: Nameserver, name: dns.name.Name, kind: str, retry_policy: RetryPolicy) -> dns.message.Message:
    """Ask and return a whole message that belongs to the question, whatever it says.

    Raises:
        NoAnswer: after all tries.
    """
    query = dns.message.make_query(name, kind, use_edns=0, payload=_PAYLOAD)
    reason = "no answer"
    for _ in range(retry_policy.tries):
        try:
            message = _once(query, server, retry_policy.timeout)
        except NoAnswer as failure:
            reason = str(failure)
            continue
        if message.rcode() != dns.rcode.FORMERR or query.edns < 0:
            return message
        query = dns.message.make_query(name, kind)  # an old server that knows no EDNS (RFC 6891 section 7)
        reason = "FORMERR"
    raise NoAnswer(reason)


def _once(query: dns.message.Message, server: Nameserver, timeout: float) -> dns.message.Message:
    try:
        message = _over_udp(query, server, time.time() + timeout)
        if message is None:
            message = _over_tcp(query, server, timeout)
    except dns.exception.Timeout:
        raise NoAnswer("timeout") from None
    except (OSError, EOFError) as error:
        raise NoAnswer(getattr(error, "strerror", None) or "connection closed") from None
    return message


def _over_udp(query: dns.message.Message, server: Nameserver, expires: float) -> dns.message.Message | None:
    """Return the answer, None for a truncated one. What does not belong to the question is passed over."""
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    stray: str | None = None
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        udp.connect((server.host, server.port))  # the kernel drops packets of others, and reports a closed port
        dns.query.send_udp(udp, query.to_wire(), None, expires)
        while True:
            try:
                message = _received(udp, expires)
            except dns.exception.Timeout:
                if stray is None:
                    raise
                raise NoAnswer(stray) from None
            if message is None:
                stray = "malformed answer"
            elif not query.is_response(message):
                stray = "the answer does not belong to the question"
            else:
                return None if message.flags & dns.flags.TC else message


def _received(udp: socket.socket, expires: float) -> dns.message.Message | None:
    try:
        message: dns.message.Message = dns.query.receive_udp(udp, None, expires, raise_on_truncation=True)[0]
    except dns.message.Truncated as cut:  # perhaps in the middle of a record
        message = cut.message()  # type: ignore[no-untyped-call]
    except (dns.exception.Timeout, OSError):
        raise
    except Exception:  # noqa: BLE001 - bytes of a stranger: whatever the parser says, it is no answer
        return None
    return message


def _over_tcp(query: dns.message.Message, server: Nameserver, timeout: float) -> dns.message.Message:
    try:
        message = dns.query.tcp(query, server.host, timeout=timeout, port=server.port)
    except dns.exception.Timeout:
        raise NoAnswer("truncated, and a timeout over TCP") from None
    except (OSError, EOFError):
        raise NoAnswer("truncated, and no answer over TCP") from None
    except Exception:  # noqa: BLE001 - as above
        raise NoAnswer("truncated, and a malformed answer over TCP") from None
    if message.flags & dns.flags.TC:
        raise NoAnswer("truncated, over TCP as well")
    return message
