"""What must hold at every step of the simulation, whatever failed: the evidence law (docs/design.md, section 6)."""

import random
import time
from collections.abc import Mapping

from routing import recipient, sender
from routing.address import Address
from routing.directory import LookupFailed
from routing.policy import Policy
from routing.records import Alias, HostedDomain
from routing.verdicts import Allow, Defer, Deliver, NotOurs, RecipientVerdict, SenderVerdict
from store.relay.source import Change
from store.wire_format.layout import CATCH_ALL, DOMAIN, HOSTED_KEY, WHOLE, domain_key
from store.wire_format.values import GONE
from tests.faults.sim_clients import Reader
from tests.faults.sim_operations import version_of
from tests.faults.sim_redis import MemoryRedis
from tests.faults.sim_site import ALIASES, BOXES, DOMAINS, LASTING, LISTING, STAY, Fields, fields
from tests.faults.sim_sql import Moment, Sql

LEASE_MS, GRACE_MS, SENDER_GRACE_MS = 5_000, 60_000, 30_000
POLICY = Policy()

_KEPT = domain_key(LASTING).encode()


class Broken(AssertionError):
    """A violation of the evidence law."""


class Checks:
    """The checks: look-ups as the milters make them, compared with what SQL held at that time."""

    def __init__(self, sql: Sql, reader: Reader, rng: random.Random) -> None:
        self._sql, self._reader, self._rng = sql, reader, rng
        self.answers = dict.fromkeys(("cache", "sql", "grace", "none"), 0)

    def look(self) -> None:
        """Ask about all names of some domain, decide about one recipient and one sender."""
        domain = self._rng.choice((*DOMAINS, "elsewhere.test"))
        locals_ = [*BOXES, *ALIASES, "nobody", *([STAY.local] if domain == LASTING else [])]
        try:
            facts = self._reader.lookup([Address(local, domain) for local in locals_])
        except LookupFailed:
            facts = {}
        source = self._reader.source
        self.answers[source] += 1
        if source == "cache":
            self._fresh(domain, locals_, facts)
        one = Address(self._rng.choice(locals_), domain)
        self._recipient(one)
        self._sender(self._rng.choice((STAY, Address("b0", "a.test"))), one)

    def everything(self) -> None:
        """Expect that the cache answers about everything, with what SQL says now."""
        now = self._sql.moments[-1].records
        for domain in (*DOMAINS, "elsewhere.test"):
            wanted = [Address(local, domain) for local in (*BOXES, *ALIASES, STAY.local, "nobody")]
            facts = self._reader.lookup(wanted)
            if self._reader.source != "cache":
                raise Broken(f"{domain} is answered by {self._reader.source}")
            if fields_of_facts(domain, wanted, facts) != fields_of_facts(domain, wanted, now):
                raise Broken(f"{domain} has not come to what SQL says")

    def _fresh(self, domain: str, locals_: list[str], facts: Mapping[str, HostedDomain]) -> None:
        """Expect each field of a fresh answer as SQL had it within a lease, and no older than reported live."""
        answer = fields_of_facts(domain, [Address(local, domain) for local in locals_], facts)
        if domain not in facts:
            answer = {(domain, LISTING): GONE}
        window = self._sql.window(LEASE_MS)
        for key, body in answer.items():
            floor = self._sql.live.get(key, 0)
            if not any(self._sql.moments[at].fields.get(key, GONE) == body for at in window if at >= floor):
                raise Broken(f"fresh, but SQL did not say so: {key} {body}; {self._expected(key, window, floor)}")

    def _expected(self, key: tuple[str, str], window: range, floor: int) -> str:
        bodies = [(at, self._sql.moments[at].fields.get(key, GONE)) for at in window]
        return f"it said {bodies}, live from {floor}"

    def _recipient(self, address: Address) -> None:
        verdict = recipient.resolve(self._reader, POLICY, address, time.time())
        source = self._reader.source
        if source == "none" and not isinstance(verdict, Defer):
            raise Broken(f"without evidence: {verdict}")
        if source == "grace" and not self._may_be(verdict, address):
            raise Broken(f"under grace: {verdict}")

    def _may_be(self, verdict: RecipientVerdict, address: Address) -> bool:
        """Under grace only a delivery to a name that led there, or a domain that was not ours."""
        moments = [self._sql.moments[at] for at in self._sql.window(GRACE_MS)]
        if isinstance(verdict, Deliver):
            return verdict.rule in {"alias", "mailbox"} and any(_led(m, address, verdict.mailbox) for m in moments)
        if isinstance(verdict, NotOurs):
            return any(address.domain not in moment.records for moment in moments)
        return isinstance(verdict, Defer)

    def _sender(self, user: Address, address: Address) -> None:
        verdict = sender.authorise(self._reader, POLICY, str(user), [address], time.time())
        source = self._reader.source
        if source == "none" and not isinstance(verdict, Defer):
            raise Broken(f"without evidence: {verdict}")
        if source == "grace" and not self._may_send(verdict, user, address):
            raise Broken(f"under grace: {verdict}")

    def _may_send(self, verdict: SenderVerdict, user: Address, address: Address) -> bool:
        moments = (self._sql.moments[at] for at in self._sql.window(SENDER_GRACE_MS))
        if isinstance(verdict, Allow):
            return any(_led(moment, address, user) for moment in moments)
        return isinstance(verdict, Defer)


def _led(moment: Moment, address: Address, mailbox: Address) -> bool:
    name = moment.records[address.domain].names.get(address.local) if address.domain in moment.records else None
    target = name.mailbox if isinstance(name, Alias) else name
    return target is not None and target.address == mailbox


def fields_of_facts(domain: str, wanted: list[Address], facts: Mapping[str, HostedDomain]) -> Fields:
    """Return the fields of a domain and some of its names, as facts have them."""
    if domain not in facts:
        return {}
    found = fields(facts[domain])
    keys = [(domain, LISTING), (domain, DOMAIN), (domain, CATCH_ALL), *((domain, one.local) for one in wanted)]
    return {key: found.get(key, GONE) for key in keys}


def holds(redis: MemoryRedis, change: Change) -> bool:
    """Return whether a Redis says what a change says, or something later."""
    key, field = (domain_key(change.domain), change.field) if change.field else (HOSTED_KEY, change.domain)
    said = [redis.field(key.encode(), name.encode()) for name in (field, WHOLE)]
    if said == [None, None]:
        said.append(redis.field(HOSTED_KEY.encode(), change.domain.encode()))
    return max(version_of(one) or 0 for one in said) >= (version_of(change.value.encode()) or 0)


def in_sight(redis: MemoryRedis) -> bool:
    """Return whether the name that nobody touches can be read."""
    redis.expire()
    return redis.field(_KEPT, b"@") is not None and redis.field(_KEPT, STAY.local.encode()) is not None
