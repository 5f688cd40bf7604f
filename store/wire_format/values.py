"""The encoding of the cache's values: one strict line of ASCII each, with the version that wrote it in front.

    1z m1                       a mailbox of this domain              1: active
    1z a7 1john                 an alias of the mailbox john here     7: active 1, receives 2, sends 4
    1z a7 7john@brand-a.com     one whose mailbox is in another domain
    1z a3 1john thzmw0          one that is off from a moment on, in seconds since 1970
    1z a3 1john =l:x.test       one that takes mail from x.test only (store.wire_format.sender_rules)
    1z c 7john@brand-a.com      the catch-all's mailbox, or c - for none
    1z d3.17 - 1john            the domain: active 1, account active 2; its account; system mailbox; oldest mailbox
    1z h                        in the list of hosted domains
    1z x                        gone

``1z`` is the version in base 36, as the moment is. The digit before a mailbox is its state: active 1, its domain active
2, its account active 4; the last two stand only with a mailbox of another domain, since this one's state stands once,
in ``d``. What does not read back to the very same text is :class:`Unreadable`, and no evidence.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar
from urllib.parse import quote, unquote

from routing.address import Address
from routing.records import Alias, HostedDomain, Mailbox, Name
from store.wire_format.sender_rules import read_rules, rules_text
from store.wire_format.unreadable import Unreadable

__all__ = [
    "GONE", "HOSTED", "NOBODY", "Unreadable", "catch_all_body", "domain_body", "field_of", "fields_of", "limits_text",
    "local_of", "name_body", "read_catch_all", "read_domain", "read_name", "read_version", "split", "stamped",
    "version_text",
]  # fmt: skip

GONE = "x"
HOSTED = "h"
NOBODY = "-"

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_VERSION = re.compile(r"[1-9a-z][0-9a-z]{0,11}")
_PLAIN = re.compile(r"[!-$&-?A-~]+")  # printable ASCII but space, @ and %
_MAILBOX = re.compile(r"([0-7])([!-?A-~]+)(?:@([a-z0-9.-]+))?")
_NAME = re.compile(r"m([01])|a([0-7]) (\S+)(?: ([1-9a-z][0-9a-z]{0,11}))?(?: =(\S+))?")
_DOMAIN = re.compile(r"d([0-3])(?:\.([1-9][0-9]{0,9}))? (\S+) (\S+)")

Value = TypeVar("Value")


def version_text(version: int) -> str:
    """Return a version or a moment, positive, in base 36."""
    digits = ""
    while version:
        version, digit = divmod(version, 36)
        digits = _DIGITS[digit] + digits
    return digits


def read_version(text: str) -> int:
    """Return the version that ``text`` is. Raises Unreadable."""
    if not _VERSION.fullmatch(text):
        raise Unreadable("no version")
    return int(text, 36)


def stamped(version: int, body: str) -> str:
    """Return the value that says ``body`` as of ``version``."""
    return f"{version_text(version)} {body}"


def split(raw: bytes | None) -> tuple[int, str]:
    """Return version and body of a value. Raises Unreadable, for None too."""
    if raw is None:
        raise Unreadable("a value is missing")
    try:
        version, blank, body = raw.decode("ascii").partition(" ")
    except UnicodeDecodeError as error:
        raise Unreadable("not ASCII") from error
    if not blank:
        raise Unreadable("no body")
    return read_version(version), body


def field_of(local: str) -> str:
    """Return the hash field of a local part; never one that starts with ``@``, as the reserved ones do."""
    return local if _PLAIN.fullmatch(local) else quote(local, safe="", errors="surrogatepass")


def fields_of(locals_: Sequence[str]) -> Iterable[str]:
    """Return the field of each; nearly all local parts are plain, so one match checks all of them."""
    return locals_ if _PLAIN.fullmatch("".join(locals_)) else map(field_of, locals_)


def local_of(field: str) -> str:
    """Return the local part of a hash field. Raises Unreadable."""
    local = unquote(field, errors="surrogatepass") if "%" in field else field
    if field_of(local) != field:
        raise Unreadable("no field for a name")
    return local


def name_body(name: Name, domain: str) -> str:
    """Return what a name's field in the hash of ``domain`` says."""
    if isinstance(name, Mailbox):
        return f"m{int(name.is_active)}"
    flags = name.is_active | name.can_receive << 1 | name.can_send << 2
    senders = None if name.senders is None else rules_text(name.senders)
    return f"a{int(flags)} {_mailbox_text(name.mailbox, domain)}{limits_text(name.expires_at, senders)}"


def limits_text(expires_at: int | None, senders: str | None) -> str:
    """Return the end of an alias's body: from when on it is off, and who may write to it (``rules_text``)."""
    moment = "" if expires_at is None else f" {version_text(expires_at)}"
    return moment if senders is None else f"{moment} ={senders}"


def catch_all_body(mailbox: Mailbox | None, domain: str) -> str:
    """Return what the catch-all's field says."""
    return f"c {_mailbox_or_nobody(mailbox, domain)}"


def domain_body(domain: HostedDomain) -> str:
    """Return what the domain's own field says: states, account and two mailboxes. Not its catch-all and names."""
    flags = domain.is_active | domain.account_active << 1
    account = f".{domain.account}" if domain.account else ""
    mailboxes = (domain.system_mailbox, domain.oldest_mailbox)
    return " ".join([f"d{int(flags)}{account}", *(_mailbox_or_nobody(mailbox, domain.name) for mailbox in mailboxes)])


def read_domain(body: str, name: str) -> HostedDomain:
    """Return the domain that ``body`` encodes, without catch-all and names. Raises Unreadable."""
    found = _matched(_DOMAIN, body)
    flags = int(found[1])
    bare = HostedDomain(name, is_active=bool(flags & 1), account_active=bool(flags & 2))
    domain = HostedDomain(
        name,
        is_active=bare.is_active,
        account_active=bare.account_active,
        system_mailbox=_read_mailbox(found[3], bare),
        oldest_mailbox=_read_mailbox(found[4], bare),
        account=int(found[2] or 0),
    )
    return _faithful(domain, domain_body(domain), body)


def read_catch_all(body: str, domain: HostedDomain) -> Mailbox | None:
    """Return the catch-all's mailbox, None for no catch-all. Raises Unreadable."""
    if not body.startswith("c "):
        raise Unreadable("no catch-all")
    mailbox = _read_mailbox(body[2:], domain)
    return _faithful(mailbox, catch_all_body(mailbox, domain.name), body)


def read_name(body: str, local: str, domain: HostedDomain) -> Name | None:
    """Return the name that ``body`` encodes; None when it is gone. Raises Unreadable."""
    if body == GONE:
        return None
    found = _matched(_NAME, body)
    if found[1]:
        return _local_mailbox(Address(local, domain.name), found[1] == "1", domain)
    mailbox = _read_mailbox(found[3], domain)
    if mailbox is None:
        raise Unreadable("an alias of nobody")
    flags = int(found[2])
    name = Alias(
        mailbox,
        is_active=bool(flags & 1),
        can_receive=bool(flags & 2),
        can_send=bool(flags & 4),
        expires_at=int(found[4], 36) if found[4] else None,
        senders=read_rules(found[5]) if found[5] else None,
    )
    # The end of the body needs no such look: a moment has one spelling by the pattern, and rules look themselves.
    head = f"a{flags} {_mailbox_text(mailbox, domain.name)}"
    return _faithful(name, head, body[: found.end(3)])


def _mailbox_or_nobody(mailbox: Mailbox | None, domain: str) -> str:
    return NOBODY if mailbox is None else _mailbox_text(mailbox, domain)


def _mailbox_text(mailbox: Mailbox, domain: str) -> str:
    local = field_of(mailbox.address.local)
    if mailbox.address.domain == domain:
        return f"{int(mailbox.is_active)}{local}"
    flags = mailbox.is_active | mailbox.domain_active << 1 | mailbox.account_active << 2
    return f"{int(flags)}{local}@{mailbox.address.domain}"


def _read_mailbox(text: str, home: HostedDomain) -> Mailbox | None:
    if text == NOBODY:
        return None
    found = _matched(_MAILBOX, text)
    flags, local = int(found[1]), local_of(found[2])
    if found[3] is None:
        return _local_mailbox(Address(local, home.name), flags == 1, home)
    states = {"is_active": bool(flags & 1), "domain_active": bool(flags & 2), "account_active": bool(flags & 4)}
    return Mailbox(Address(local, found[3]), **states)


def _local_mailbox(address: Address, is_active: bool, home: HostedDomain) -> Mailbox:
    return Mailbox(address, is_active=is_active, domain_active=home.is_active, account_active=home.account_active)


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise Unreadable("not of this format")
    return found


def _faithful(value: Value, written: str, read: str) -> Value:
    """Return ``value`` if it would be written as it was read."""
    if written != read:
        raise Unreadable("not of this format")
    return value
