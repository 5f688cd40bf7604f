"""Judges of DNS records: one function for each purpose compares found values with the required one. Pure."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

PROOF_PREFIX = "byname-verify="


class Purpose(StrEnum):
    """What a record is for."""

    OWNERSHIP = "ownership"
    MX = "mx"
    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    CLIENTS = "clients"


class State(StrEnum):
    """The state of a record against its requirement. UNKNOWN: no evidence."""

    OK = "ok"
    MISSING = "missing"
    WRONG = "wrong"
    UNKNOWN = "unknown"


Judgement = tuple[State, str | None]  # and the reason
Judge = Callable[[Sequence[str], Sequence[str]], Judgement]  # values found, and what is wanted


def _ownership(values: Sequence[str], wanted: Sequence[str]) -> Judgement:
    plain = [value.strip().lower() for value in values]
    if wanted[0] in plain:
        return State.OK, None
    if any(value.strip('"') == wanted[0] for value in plain):
        return State.WRONG, "the quotation marks are part of the value; leave them out"
    if any(value.startswith(PROOF_PREFIX) for value in plain):
        return State.WRONG, "this is the token of another account, or an old one"
    return State.MISSING, None


def _mx(values: Sequence[str], wanted: Sequence[str]) -> Judgement:
    hosts = [value.partition(" ")[2] for value in values]
    strangers = ", ".join(host or "nobody (a null MX)" for host in hosts if host not in wanted)
    note = f"mail also goes to {strangers}" if strangers else None
    if wanted[0] not in hosts:
        return State.MISSING, note
    return (State.WRONG, note) if note else (State.OK, None)


def _spf(values: Sequence[str], wanted: Sequence[str]) -> Judgement:
    records = [terms for value in values if (terms := value.lower().split()) and terms[0] == "v=spf1"]
    if not records:
        return State.MISSING, None
    if len(records) > 1:
        return State.WRONG, "there are several SPF records; receivers then take none (RFC 7208 section 4.5)"
    for term in records[0][1:]:
        plain = term.removeprefix("+")
        if plain in {wanted[0], wanted[0].replace("include:", "redirect=", 1)}:
            return State.OK, None
        if plain.lstrip("-~?") == "all":
            break
    return State.WRONG, f"change the record to: {_spf_with(wanted[0], records[0])}"


def _spf_with(include: str, terms: Sequence[str]) -> str:
    """Return an SPF record that includes us as well, before its ``all``."""
    kept = [term for term in terms if term.lstrip("+-~?") != include]
    at = next((place for place, term in enumerate(kept) if term.lstrip("+-~?") == "all"), len(kept))
    return " ".join([*kept[:at], include, *kept[at:]])


def _dkim(values: Sequence[str], wanted: Sequence[str]) -> Judgement:  # noqa: ARG001 - one form for all judges
    keys = [tags for value in values if "p" in (tags := _tags(value)) and tags.get("v", "DKIM1") == "DKIM1"]
    if not keys:
        return (State.WRONG, "this is no DKIM key") if values else (State.MISSING, None)
    if len(keys) > 1:
        return State.WRONG, "there are several keys; which one counts is undefined (RFC 6376 section 3.6.2.2)"
    return (State.OK, None) if keys[0]["p"] else (State.WRONG, "the key is revoked: p= is empty")


def _dmarc(values: Sequence[str], wanted: Sequence[str]) -> Judgement:  # noqa: ARG001 - one form for all judges
    policies = [tags for value in values if (tags := _tags(value)).get("v", "").upper() == "DMARC1"]
    if not policies:
        return State.MISSING, None
    if len(policies) > 1:
        return State.WRONG, "there are several DMARC records; receivers then take none (RFC 7489 section 6.6.3)"
    if policies[0].get("p", "").lower() not in {"none", "quarantine", "reject"}:
        return State.WRONG, "p= must be none, quarantine or reject"
    return State.OK, None


def _clients(values: Sequence[str], wanted: Sequence[str]) -> Judgement:
    """Judge an SRV record of a service for mail programs (RFC 6186): host and port count, not priority and weight."""
    found = [value.split(" ", 2)[-1] for value in values]
    if wanted[0] in found:
        return State.OK, None
    return (State.WRONG, f"mail programs are sent to {', '.join(found)}") if found else (State.MISSING, None)


def _tags(value: str) -> dict[str, str]:
    """Read a list of tags, ``v=DKIM1; p=...`` (RFC 6376 section 3.2)."""
    pairs = (part.partition("=") for part in value.split(";"))
    return {name.strip().lower(): "".join(text.split()) for name, equals, text in pairs if equals}


JUDGES: Mapping[Purpose, Judge] = {
    Purpose.OWNERSHIP: _ownership,
    Purpose.MX: _mx,
    Purpose.SPF: _spf,
    Purpose.DKIM: _dkim,
    Purpose.DMARC: _dmarc,
    Purpose.CLIENTS: _clients,
}
