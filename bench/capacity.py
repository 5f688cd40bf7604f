"""The cost model: what a site of a given size needs, from what one of each costs. Behind docs/scaling.md.

Arithmetic and nothing else: :class:`Costs` come from a run of the benches, each from the figure that ``FIGURES`` names,
a :class:`Plan` says what the site is to do, and a :class:`Need` is one product of the two. Shares are of what one of a
thing can do: a mail server there may be any number of, but one relay applies the changes, one row of the store gives
them their order, and one database answers while Redis is built anew. What of these is full first is the bottleneck.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

MICRO = 1e-6
GIB = 2**30

# Field of Costs: the figure of a bench that it is.
FIGURES: Mapping[str, str] = {
    "message_us": "mta.redis_lmdb_cpu_us",
    "redis_us": "mta.redis_lmdb_cpu_redis_us",
    "filter_us": "lookups.redis_filter_cpu_us",
    "sql_filter_us": "lookups.sql_filter_cpu_us",
    "sql_server_us": "lookups.sql_server_cpu_us",
    "change_relay_us": "relay.postgresql_change_cpu_us",
    "change_redis_us": "relay.postgresql_change_redis_cpu_us",
    "relay_per_s": "relay.postgresql_most_per_s",
    "create_api_us": "api.postgresql_create_cpu_us",
    "create_database_us": "api.postgresql_create_database_cpu_us",
    "bulk_item_us": "api.postgresql_bulk_item_cpu_us",
    "turn_us": "relay.postgresql_turn_us",
    "rebuild_per_s": "rebuild.postgresql_aliases_per_s",
    "bytes_per_alias": "rebuild.postgresql_bytes_per_alias",
    "bytes_per_name": "relay.postgresql_bytes_per_name",
}
# What the two benches that weigh Redis put into it, and how much of that is names: aliases and mailboxes.
_MANY, _FEW = (1_010_000, 2_000), (250_000, 50_000)  # names, domains
_ALIASES_OF_MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Costs:
    """What one of each costs: microseconds of CPU time, bytes, or how many in a second."""

    message_us: float  # of a mail server: Postfix, filter and the Redis beside it
    redis_us: float  # Redis's part of that
    filter_us: float  # of the filter alone, over Redis
    sql_filter_us: float  # of the filter alone, where it must ask SQL
    sql_server_us: float  # of PostgreSQL for that message
    change_relay_us: float  # of the relay for a field of the cache
    change_redis_us: float
    relay_per_s: float  # fields that one relay applies at most
    create_api_us: float  # of an API for an alias made by itself
    create_database_us: float  # of PostgreSQL for it
    bulk_item_us: float  # of an API for one of a thousand in a call
    turn_us: float  # for which a change keeps the row of the clock from the next
    rebuild_per_s: float  # aliases brought from SQL to an empty Redis
    bytes_per_alias: float  # of Redis, 500 aliases in a domain
    bytes_per_name: float  # of Redis, five names in a domain, with the domain

    @classmethod
    def of(cls, figures: Mapping[str, float]) -> "Costs":
        """Return the costs that a run has measured. Raises KeyError with the figure that it lacks."""
        return cls(**{field.name: figures[FIGURES[field.name]] for field in dataclasses.fields(cls)})

    @property
    def memory(self) -> tuple[float, float]:
        """Bytes of Redis for a name and for a domain: the line through the two stores that were weighed."""
        (names, domains), (few, more) = _MANY, _FEW
        many_bytes, few_bytes = self.bytes_per_alias * _ALIASES_OF_MANY, self.bytes_per_name * few
        domain = (few_bytes * names - many_bytes * few) / (more * names - domains * few)
        return (many_bytes - domain * domains) / names, domain


@dataclass(frozen=True, slots=True)
class Plan:
    """What a site holds and does, and how it is built."""

    aliases: int
    mailboxes: int
    domains: int
    messages_per_s: float
    changes_per_s: float  # fields of the cache: one for an alias, as many as it has names for a mailbox
    creates_per_s: float  # of these: aliases made one by one over the API
    load: float  # how full a processor may be in the busiest minute
    cores_of_mail_server: int
    cores_of_database: int
    link_bits_per_s: float  # between machines


@dataclass(frozen=True, slots=True)
class Need:
    """One line of the arithmetic: what is needed, of what that is the product, and the share of what there can be."""

    what: str
    reckoned: str
    amount: float
    unit: str
    share: float | None = None  # 1.0: full; None where more machines are all it takes


def needs(plan: Plan, costs: Costs) -> list[Need]:
    """Return all that a site needs, in the order in which the page tells it."""
    return [*_mail(plan, costs), *_cache(plan, costs), *_changes(plan, costs), *_rebuild(plan, costs)]


def bottleneck(found: list[Need]) -> Need:
    """Return what is full first when everything grows alike."""
    return max((need for need in found if need.share is not None), key=lambda need: need.share or 0.0)


def mail_servers(plan: Plan, costs: Costs) -> int:
    """Return how many mail servers take the messages at the load that is allowed."""
    return math.ceil(_mail_cores(plan, costs) / plan.cores_of_mail_server)


def cache_bytes(plan: Plan, costs: Costs) -> float:
    """Return what a Redis holds, each replica the same."""
    name, domain = costs.memory
    return name * (plan.aliases + plan.mailboxes) + domain * plan.domains


def _mail_cores(plan: Plan, costs: Costs) -> float:
    return plan.messages_per_s * costs.message_us * MICRO / plan.load


def _mail(plan: Plan, costs: Costs) -> list[Need]:
    servers = mail_servers(plan, costs)
    each = plan.messages_per_s / servers
    message = f"{plan.messages_per_s:,.0f} messages/s x {costs.message_us:,.0f} µs / {plan.load:.0%} load"
    cores = f"{_mail_cores(plan, costs):,.1f} cores / {plan.cores_of_mail_server} in each"
    replica = f"{each:,.0f} messages/s x {costs.redis_us:,.0f} µs"
    share = each * costs.redis_us * MICRO
    return [
        Need("cores of mail servers", message, _mail_cores(plan, costs), "cores"),
        Need("mail servers", cores, servers, "machines"),
        Need("the Redis beside each of them", replica, 100 * share, "% of a core"),
    ]


def _cache(plan: Plan, costs: Costs) -> list[Need]:
    name, domain = costs.memory
    names = f"{plan.aliases + plan.mailboxes:,} names x {name:,.0f} B + {plan.domains:,} domains x {domain:,.0f} B"
    held = cache_bytes(plan, costs)
    wire = f"{held / GIB:,.1f} GiB x 8 / {plan.link_bits_per_s / 1e9:g} Gbit/s"
    return [
        Need("memory of Redis, the primary and each replica", names, held / GIB, "GiB"),
        Need("a new replica's first copy", wire, held * 8 / plan.link_bits_per_s, "s"),
    ]


def _changes(plan: Plan, costs: Costs) -> list[Need]:
    relay = plan.changes_per_s * costs.change_relay_us * MICRO
    redis = plan.changes_per_s * costs.change_redis_us * MICRO
    most = plan.changes_per_s / costs.relay_per_s
    bulk = plan.changes_per_s - plan.creates_per_s
    api = (plan.creates_per_s * costs.create_api_us + bulk * costs.bulk_item_us) * MICRO / plan.load
    database = plan.creates_per_s * costs.create_database_us * MICRO
    turn = plan.creates_per_s * costs.turn_us * MICRO
    changes = f"{plan.changes_per_s:,.0f} changes/s"
    made = f"{plan.creates_per_s:,.0f} creates/s"
    both = f"({made} x {costs.create_api_us:,.0f} µs + {bulk:,.0f}/s in bulk x {costs.bulk_item_us:,.0f} µs)"
    return [
        Need(
            "the relay's processor", f"{changes} x {costs.change_relay_us:,.0f} µs", 100 * relay, "% of a core", relay
        ),
        Need("the relay, held up", f"{changes} / {costs.relay_per_s:,.0f} that it applies", 100 * most, "%", most),
        Need("the primary Redis", f"{changes} x {costs.change_redis_us:,.1f} µs", 100 * redis, "% of a core", redis),
        Need("cores of APIs", f"{both} / {plan.load:.0%} load", api, "cores"),
        Need(
            "PostgreSQL, for changes",
            f"{made} x {costs.create_database_us:,.0f} µs / {plan.cores_of_database} cores",
            database,
            "cores",
            database / plan.cores_of_database,
        ),
        Need("the clock's row", f"{made} x {costs.turn_us:,.0f} µs", 100 * turn, "% of the time", turn),
    ]


def _rebuild(plan: Plan, costs: Costs) -> list[Need]:
    minutes = plan.aliases / costs.rebuild_per_s / 60
    database = plan.messages_per_s * costs.sql_server_us * MICRO
    asked = f"{plan.messages_per_s:,.0f} messages/s x {costs.sql_server_us:,.0f} µs / {plan.cores_of_database} cores"
    return [
        Need("Redis built anew", f"{plan.aliases:,} aliases / {costs.rebuild_per_s:,.0f} a second", minutes, "min"),
        Need(
            "PostgreSQL while Redis is built anew",
            asked,
            database,
            "cores",
            database / plan.cores_of_database,
        ),
    ]
