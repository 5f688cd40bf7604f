"""Types of DNS answers: Found, Absent, and Unknown for a failed query, which never counts as "there is none"."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """A DNS question: one name and one type of record."""

    name: str
    kind: str  # TXT or MX


@dataclass(frozen=True, slots=True)
class Found:
    """Records, each as text: the strings of a TXT joined (RFC 7208 section 3.3), an MX as ``10 host.example``,
    an SRV as ``0 1 993 host.example``.
    """

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """A negative answer: there is no such record.

    ``proven``: an SOA stands by it (RFC 2308 section 2). Some forwarders leave that out; what they say is good enough
    to show, not to take a domain's proof away.
    """

    reason: str  # NXDOMAIN or NODATA
    proven: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing was learned: no answer, SERVFAIL, REFUSED, a lame server, an answer that contradicts itself."""

    reason: str


Answer = Found | Absent | Unknown
