"""The DNS records required of a domain: what to publish, and the judgement of what was found. Pure.

Only the proof of ownership decides anything; the others are advice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store.dns.answers import Absent, Answer, Found, Question, Unknown
from store.dns.judging import JUDGES, PROOF_PREFIX, Judgement, Purpose, State
from store.dns.proof import Sighting

# Of what a stranger may publish, so much is shown and kept.
_MOST = 10  # values
_LONGEST = 600  # characters; a 4096-bit DKIM key has more, which nobody reads


@dataclass(frozen=True, slots=True)
class Service:
    """A server for mail programs, found by its SRV record (RFC 6186, RFC 8314 section 5.1)."""

    name: str  # imaps, imap, submissions or submission
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What this service expects of its domains (settings, sections dns and clients)."""

    mx_hosts: tuple[str, ...] = ()
    spf_include: str | None = None
    dkim_selector: str = "byname"
    services: tuple[Service, ...] = ()  # for mail programs


@dataclass(frozen=True, slots=True)
class Requirement:
    """One record to publish. ``wanted`` is what :data:`store.dns.judging.JUDGES` holds the found values against."""

    purpose: Purpose
    name: str
    type: str
    required: str  # as it is pasted at the DNS host
    wanted: tuple[str, ...] = ()

    @property
    def question(self) -> Question:
        """What to ask."""
        return Question(self.name, self.type)


@dataclass(frozen=True, slots=True)
class CheckedRecord:
    """A requirement and how it is met (docs/api.md, "Objects")."""

    purpose: Purpose
    name: str
    type: str
    required: str
    found: tuple[str, ...]
    state: State
    note: str | None = None


def requirements(domain: str, token: str, expected: Expected) -> tuple[Requirement, ...]:
    """Return the records that ``domain`` (A-labels) should have; those without a setting are left out."""
    proof = f"{PROOF_PREFIX}{token}"
    hosts = tuple(host.lower().rstrip(".") for host in expected.mx_hosts)
    found = [Requirement(Purpose.OWNERSHIP, f"_byname.{domain}", "TXT", proof, (proof,))]
    found += [
        Requirement(Purpose.MX, domain, "MX", f"{number * 10} {host}", (host, *hosts))
        for number, host in enumerate(hosts, 1)
    ]
    if expected.spf_include:
        term = f"include:{expected.spf_include.lower()}"
        found.append(Requirement(Purpose.SPF, domain, "TXT", f"v=spf1 {term} ~all", (term,)))
    selector = f"{expected.dkim_selector}._domainkey.{domain}"
    found.append(Requirement(Purpose.DKIM, selector, "TXT", "v=DKIM1; k=rsa; p=<the public key of the mail service>"))
    found.append(Requirement(Purpose.DMARC, f"_dmarc.{domain}", "TXT", "v=DMARC1; p=none"))
    found += [_srv(domain, service) for service in expected.services]
    return tuple(found)


def _srv(domain: str, service: Service) -> Requirement:
    target = f"{service.port} {service.host.lower().rstrip('.')}"
    return Requirement(Purpose.CLIENTS, f"_{service.name}._tcp.{domain}", "SRV", f"0 1 {target}", (target,))


def judge(requirement: Requirement, answers: Mapping[str, Answer]) -> CheckedRecord:
    """Hold the answers, by nameserver, against a requirement. Nameservers that differ make it UNKNOWN."""
    known = {who: answer for who, answer in answers.items() if not isinstance(answer, Unknown)}
    found = tuple(sorted({value for answer in known.values() for value in _values(answer)}))
    judged = {who: judge_values(requirement, _values(answer)) for who, answer in known.items()}
    state, note = _together(judged, {who: a.reason for who, a in answers.items() if isinstance(a, Unknown)})
    plain = (requirement.purpose, requirement.name, requirement.type, requirement.required)
    return CheckedRecord(*plain, _shown(requirement, found), state, note and _cut(note))


def judge_values(requirement: Requirement, values: Sequence[str]) -> Judgement:
    """Hold the records that one nameserver gave against a requirement: a state that is not UNKNOWN, and why."""
    return JUDGES[requirement.purpose](values, requirement.wanted)


def sighting(requirement: Requirement, answers: Mapping[str, Answer]) -> Sighting:
    """Return how many nameservers showed the proof that ``requirement`` asks for."""
    seen = absent = proven = unknown = 0
    for answer in answers.values():
        if isinstance(answer, Unknown):
            unknown += 1
        elif judge_values(requirement, _values(answer))[0] is State.OK:
            seen += 1
        else:
            absent += 1
            proven += isinstance(answer, Found) or answer.proven
    return Sighting(seen, absent, proven, unknown)


def not_checked(requirement: Requirement) -> CheckedRecord:
    """Return a requirement that nobody has looked for yet."""
    plain = (requirement.purpose, requirement.name, requirement.type, requirement.required)
    return CheckedRecord(*plain, (), State.UNKNOWN, "not checked yet")


def _shown(requirement: Requirement, found: Sequence[str]) -> tuple[str, ...]:
    """Return the values that people are shown: what a name has beside its SPF record does not belong here."""
    if requirement.purpose is Purpose.SPF:
        found = [value for value in found if value.lower().startswith("v=spf1")]
    return tuple(map(_cut, found[:_MOST]))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _values(answer: Found | Absent) -> tuple[str, ...]:
    return answer.values if isinstance(answer, Found) else ()


def _together(judged: Mapping[str, Judgement], silent: Mapping[str, str]) -> Judgement:
    reasons = ", ".join(f"{who}: {reason}" for who, reason in sorted(silent.items()))
    if not judged:
        return State.UNKNOWN, reasons or "no nameserver is known"
    states = {state for state, _ in judged.values()}
    if len(states) > 1:
        differing = ", ".join(f"{who}: {state}" for who, (state, _) in sorted(judged.items()))
        return State.UNKNOWN, f"the nameservers differ, a change may still be on its way ({differing})"
    state, note = next(iter(judged.values()))
    return state, "; ".join(filter(None, (note, reasons))) or None
