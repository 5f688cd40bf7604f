"""A survey of several nameservers: each is asked separately, so that their answers can be compared.

Several questions go out at once: a survey lasts as long as its slowest answer, usually some milliseconds. At worst that
is ``RetryPolicy.whole`` and one more exchange: ``tries`` times ``timeout`` over UDP and as much over TCP.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import dns.exception
import dns.name
import dns.resolver

from store.dns.answers import Answer, Question, Unknown
from store.dns.nameserver import Nameserver, NoAnswer, RetryPolicy, exchange
from store.dns.reading import read

HOPS = 8  # CNAMEs followed by asking again; a message may hold more of them itself
_AT_ONCE = 16  # threads

Survey = Mapping[Question, Mapping[Nameserver, Answer]]


class Resolvers:
    """The configured nameservers. Thread-safe: it keeps no connection."""

    def __init__(self, servers: Sequence[Nameserver], retry_policy: RetryPolicy | None = None) -> None:
        self.servers = tuple(dict.fromkeys(servers))  # one named twice is one witness
        self.retry_policy = retry_policy or RetryPolicy()

    def survey(self, questions: Iterable[Question]) -> Survey:
        """Return the answer of every nameserver to every question. Raises nothing: a failed query is Unknown."""
        found: dict[Question, dict[Nameserver, Answer]] = {question: {} for question in questions}
        pairs = [(question, server) for question in found for server in self.servers]
        if not pairs:
            return found
        with ThreadPoolExecutor(min(_AT_ONCE, len(pairs)), "dns") as pool:
            answers = pool.map(lambda pair: ask(pair[1], pair[0], self.retry_policy), pairs)
            for (question, server), answer in zip(pairs, answers, strict=True):
                found[question][server] = answer
        return found


def ask(server: Nameserver, question: Question, retry_policy: RetryPolicy) -> Answer:
    """Return what one nameserver says, following CNAMEs as far as HOPS."""
    try:
        name = dns.name.from_text(question.name)
    except dns.exception.DNSException:
        return Unknown("the name is too long for DNS")
    seen = {name}
    end = time.monotonic() + retry_policy.whole
    for _ in range(HOPS):
        if time.monotonic() > end:
            return Unknown("timeout on the way through CNAMEs")
        try:
            step = read(exchange(server, name, question.kind, retry_policy))
        except NoAnswer as failure:
            return Unknown(str(failure))
        if not isinstance(step, dns.name.Name):
            return step
        if step in seen:
            return Unknown("CNAMEs that lead in a circle")
        name = step
        seen.add(name)
    return Unknown(f"more than {HOPS} CNAMEs")


def system_nameservers() -> tuple[Nameserver, ...]:
    """Return the nameservers of this machine, as /etc/resolv.conf names them; none when it names none."""
    try:
        configured = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError):
        return ()
    return tuple(Nameserver(str(server)) for server in configured.nameservers)
