"""The cache's layout in Redis: its keys, and how a domain is put in and read back (docs/design.md, section 6).

Every key begins with ``byname:{cache}:3:``. The 3 is the number of the format: another version of Byname with another
format neither reads nor disturbs it. The part in braces is a hash tag: in a Redis Cluster all keys with one tag lie in
one slot, on one node, so that a step over several of them is possible there too (redis.io, "Redis cluster
specification", "Hash tags"). Then comes

- ``d:<domain>``, a hash for each hosted domain. A field for each name, named by its local part, and three reserved
  ones, which begin with ``@`` as no local part does: ``@`` the domain itself, ``@c`` its catch-all, ``@l`` the version
  as of which the hash is whole. A hash is put in at once, never bit by bit, so that with ``@`` and ``@c`` present a
  name without a field does not exist.
- ``d:@17``, the same for the people of account 17, if one has a full name (:mod:`routing.people`): a field for each
  name, by its key. It is in the list of hosted domains too, so what keeps domains right keeps people right.
- ``hosted``, a hash with a field for each hosted domain, and ``@l`` as above. A domain without a field is not hosted,
  provided that ``@l`` is there.
- ``lease``: without it nothing here is evidence. The relay keeps it alive.
- ``grace`` and ``sender_grace``: while they live, what the cache affirms holds although the store is silent.
- ``state``: what the relay knows of this Redis; readers have no business with it.
- ``absent``: never there. Who writes names it: a node of a cluster that gives the slot away, key by key, then
  refuses the step as a whole (ASK), for there a key that is missing says nothing.

Values are those of :mod:`store.wire_format.values`. A value that says "gone" is a tombstone: it keeps an older change,
which arrives late, from bringing the name back. For a reader it is the same as no field.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from routing.records import HostedDomain
from store.wire_format.values import (
    GONE,
    HOSTED,
    Unreadable,
    catch_all_body,
    domain_body,
    field_of,
    name_body,
    read_catch_all,
    read_domain,
    read_name,
    split,
    stamped,
)

__all__ = [
    "ABSENT_KEY", "CATCH_ALL", "DOMAIN", "FORMAT", "GRACE_KEY", "HOSTED_KEY", "LEASE_KEY", "LIVE_CHANNEL", "PREFIX",
    "SENDER_GRACE_KEY", "STATE_KEY", "TAG", "WAKE_CHANNEL", "WHOLE", "Unreadable", "assemble", "domain_key", "field_of",
    "fields", "hosted_fields", "is_hosted", "split_whole", "tombstone",
]  # fmt: skip

FORMAT = 3
TAG = "byname:{cache}:"  # what lies beside the cache begins so too, whatever its format
PREFIX = f"{TAG}{FORMAT}:"

HOSTED_KEY = PREFIX + "hosted"
LEASE_KEY = PREFIX + "lease"
GRACE_KEY = PREFIX + "grace"
SENDER_GRACE_KEY = PREFIX + "sender_grace"
STATE_KEY = PREFIX + "state"
ABSENT_KEY = PREFIX + "absent"
WAKE_CHANNEL = PREFIX + "wake"  # notifies the relays: the outbox has rows up to the version in the message
LIVE_CHANNEL = PREFIX + "live"  # a relay has applied everything up to the version in the message
_DOMAIN_PREFIX = PREFIX + "d:"

# Size of the memo of parsed values. Redis is asked all the same: this is no cache of facts.
_REMEMBERED = 4096

DOMAIN, CATCH_ALL, WHOLE = "@", "@c", "@l"  # the reserved fields of a domain's hash; WHOLE also in the list of domains


def domain_key(domain: str) -> str:
    """Return the key of a domain's hash."""
    return _DOMAIN_PREFIX + domain


@lru_cache(_REMEMBERED)
def is_hosted(listed: bytes | None, whole: bytes | None) -> bool:
    """Return what the list of hosted domains says, from a domain's field and the field ``@l``: HMGET hosted D @l.

    Raises:
        Unreadable: the list is not there, or one of the two is damaged: no evidence.
    """
    split_whole(whole)
    if listed is None:
        return False
    _, body = split(listed)
    if body not in {HOSTED, GONE}:
        raise Unreadable("not of this format")
    return body == HOSTED


def split_whole(raw: bytes | None) -> int:
    """Return the version in a field ``@l``. Raises Unreadable, for None too."""
    version, body = split(raw)
    if body != HOSTED:
        raise Unreadable("not of this format")
    return version


def assemble(
    name: str, domain: bytes | None, catch_all: bytes | None, names: Mapping[str, bytes | None]
) -> HostedDomain:
    """Return a hosted domain from the fields ``@``, ``@c`` and those of some local parts: HMGET d:D @ @c F...

    Args:
        name: A-label of the domain.
        domain: value of the field ``@``.
        catch_all: value of the field ``@c``.
        names: by local part (not by field, see :func:`field_of`) the value of its field, None for no field.

    Raises:
        Unreadable: ``@`` or ``@c`` is missing, or something is damaged: no evidence.
    """
    bare = _without_names(name, domain, catch_all)
    found = {local: read_name(split(raw)[1], local, bare) for local, raw in names.items() if raw is not None}
    return bare.with_names({local: record for local, record in found.items() if record is not None})


@lru_cache(_REMEMBERED)
def _without_names(name: str, domain: bytes | None, catch_all: bytes | None) -> HostedDomain:
    bare = read_domain(split(domain)[1], name)
    return replace(bare, catch_all=read_catch_all(split(catch_all)[1], bare))


def fields(domain: HostedDomain, version: int) -> dict[str, str]:
    """Return the hash of a domain with all its names as of ``version``, the fields of every kind."""
    return {
        DOMAIN: stamped(version, domain_body(domain)),
        CATCH_ALL: stamped(version, catch_all_body(domain.catch_all, domain.name)),
        WHOLE: stamped(version, HOSTED),
        **{field_of(local): stamped(version, name_body(name, domain.name)) for local, name in domain.names.items()},
    }


def hosted_fields(domains: Iterable[str], version: int) -> dict[str, str]:
    """Return the list of hosted domains as of ``version``, ``@l`` included."""
    listed = stamped(version, HOSTED)
    return {WHOLE: listed, **dict.fromkeys(domains, listed)}


def tombstone(version: int) -> str:
    """Return the value of a name, or of a domain in the list, that ``version`` took away."""
    return stamped(version, GONE)
