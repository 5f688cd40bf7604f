"""How often signing in may be tried: a wait that grows with each failure, for a name, a client, and both together.

Whoever guesses at a name from many places makes everybody wait for it, except clients from which that name has signed
in before: its owner gets in. Sessions that go on are not concerned. A try while one must wait is refused and not
counted, so that it makes nobody wait longer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from types import MappingProxyType

from sqlalchemy import ColumnElement, delete, select

from store.errors import ServiceError
from store.sql.insert_if_free import insert_if_free
from store.sql.tables import SignInAttemptRow
from store.sql.tenant import Transaction

_FORGOTTEN_AFTER = timedelta(days=1)
_KNOWN_FOR = timedelta(days=60)  # clients from which a name has signed in


@dataclass(frozen=True, slots=True)
class _Limit:
    free: int  # failures before the first wait, of a second; each further one doubles it
    longest: timedelta


NAME, CLIENT, BOTH = "name", "client", "both"
LIMITS: Mapping[str, _Limit] = MappingProxyType(
    {
        BOTH: _Limit(5, timedelta(minutes=15)),
        CLIENT: _Limit(20, timedelta(minutes=15)),
        NAME: _Limit(50, timedelta(minutes=5)),
    }
)


def begin(tx: Transaction, name: str, client: str, now: datetime) -> None:
    """Count a try, as a failure until :func:`succeeded`. To be committed before the password is looked at.

    Args:
        name: what was typed.
        client: the IP address it came from.
        now: the present moment, aware.

    Raises:
        ServiceError: ``rate-limited``, with ``retry_after``: it is too early.
    """
    rows = _rows(tx, name, client, now)
    waits = {kind: _wait(kind, row, now) for kind, row in rows.items()}
    if rows[BOTH].has_succeeded:
        del waits[NAME]
    longest = max(waits.values())
    if longest > timedelta(0):
        raise ServiceError("rate-limited", "too many tries to sign in", retry_after=longest.total_seconds())
    for row in rows.values():
        row.failures += 1
        row.last_at = now
    tx.flush()


def succeeded(tx: Transaction, name: str, client: str, now: datetime) -> None:
    """Note that the latest try was right."""
    rows = _rows(tx, name, client, now)
    for row in rows.values():
        row.failures = max(0, row.failures - 1)
    rows[BOTH].failures = 0
    rows[BOTH].has_succeeded = True
    tx.flush()


def taken_back(tx: Transaction, name: str, client: str, now: datetime) -> None:
    """Note that the latest try was right as far as it went: it counts neither as a failure nor as a success."""
    for row in _rows(tx, name, client, now).values():
        row.failures = max(0, row.failures - 1)
    tx.flush()


def _rows(tx: Transaction, name: str, client: str, now: datetime) -> dict[str, SignInAttemptRow]:
    """Return the row of each kind, locked in the order of their keys; the old ones of everybody go."""
    _forget(tx, now)
    keys = dict(_keys(name, client))
    for key in sorted(keys.values()):
        insert_if_free(tx, SignInAttemptRow, key=key, failures=0, has_succeeded=False, last_at=now)
    wanted = select(SignInAttemptRow).where(SignInAttemptRow.key.in_(keys.values()))
    found = tx.scalars(wanted.order_by(SignInAttemptRow.key).with_for_update())
    by_key = {row.key: row for row in found}
    return {kind: by_key[key] for kind, key in keys.items()}


def _keys(name: str, client: str) -> Iterator[tuple[str, str]]:
    place, is_shared = network(client)
    yield BOTH, _key(BOTH, name, place)
    yield NAME, _key(NAME, name)
    if not is_shared:
        yield CLIENT, _key(CLIENT, place)


def network(client: str) -> tuple[str, bool]:
    """Return whom an address stands for, an IPv6 network being one customer's, and whether that may be everybody.

    Behind a proxy that does not say for whom it asks, every client has the address of this machine.
    """
    try:
        address = ip_address(client)
    except ValueError:
        return client, True
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, 64), strict=False)), address.is_loopback
    return str(address), address.is_loopback


def _key(*words: str) -> str:
    return sha256("\0".join(words).encode(errors="replace")).hexdigest()


def _wait(kind: str, row: SignInAttemptRow, now: datetime) -> timedelta:
    """Return how much longer to wait; nothing or less: not at all."""
    limit = LIMITS[kind]
    over = row.failures - limit.free
    if over < 0:
        return timedelta(0)
    wait = min(limit.longest, timedelta(seconds=2 ** min(over, 20)))
    return row.last_at + wait - now


def forgotten(now: datetime) -> ColumnElement[bool]:
    """Return what holds for a row whose time is over."""
    known = SignInAttemptRow.has_succeeded
    old = (SignInAttemptRow.last_at <= now - _FORGOTTEN_AFTER) & ~known
    return old | ((SignInAttemptRow.last_at <= now - _KNOWN_FOR) & known)


def _forget(tx: Transaction, now: datetime) -> None:
    tx.execute(delete(SignInAttemptRow).where(forgotten(now)), execution_options={"synchronize_session": False})
