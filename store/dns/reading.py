"""Interpretation of a DNS response (RFC 1034 section 4.3, RFC 2308): records, none, a CNAME to follow, or unknown."""

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from store.dns.answers import Absent, Answer, Found, Unknown


def read(message: dns.message.Message) -> Answer | dns.name.Name:
    """Return what ``message`` answers; a name where it ends in a CNAME without saying what stands there."""
    code = message.rcode()
    if code not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        return Unknown(dns.rcode.to_text(code))
    if not message.flags & (dns.flags.AA | dns.flags.RA):
        return Unknown("a lame server: it neither holds the zone nor asks others")
    if not isinstance(message, dns.message.QueryMessage):
        return Unknown("not an answer to a query")
    try:
        chain = message.resolve_chaining()
    except dns.exception.DNSException:
        return Unknown("an answer that contradicts itself")
    if chain.answer is not None:
        return Found(_values(chain.answer))
    return _none(message, chain.canonical_name)


def _none(message: dns.message.Message, last: dns.name.Name) -> Answer | dns.name.Name:
    proven = any(set_.rdtype == dns.rdatatype.SOA and last.is_subdomain(set_.name) for set_ in message.authority)
    if message.rcode() == dns.rcode.NXDOMAIN:
        return Absent("NXDOMAIN", proven)
    if not proven and last != message.question[0].name:
        return last
    if not proven and any(set_.rdtype == dns.rdatatype.NS for set_ in message.authority):
        return Unknown("a lame server: it refers to others")
    return Absent("NODATA", proven)


def _values(found: dns.rrset.RRset) -> tuple[str, ...]:
    """Return the records as text, in one order whichever way a server turns them."""
    if found.rdtype == dns.rdatatype.MX:
        pairs = sorted((record.preference, _host(record.exchange)) for record in found)
        return tuple(f"{preference} {host}" for preference, host in pairs)
    if found.rdtype == dns.rdatatype.SRV:
        parts = sorted((record.priority, record.weight, record.port, _host(record.target)) for record in found)
        return tuple(f"{priority} {weight} {port} {host}" for priority, weight, port, host in parts)
    return tuple(sorted(b"".join(record.strings).decode("utf-8", "backslashreplace") for record in found))


def _host(name: dns.name.Name) -> str:
    return name.canonicalize().to_text(omit_final_dot=True)
