"""Descriptions of the figures with a goal, for the first table of docs/performance.md."""

from collections.abc import Mapping

from bench.report.figures import Figure, number

_CPU = "CPU time of a message, Byname over Redis as a multiple of"
_FILE = "CPU time of a message, Byname over Redis with a file of domains (`[maps] export`) as a multiple of"
_ALONE = "CPU time of the filter alone, as a multiple of one in C,"
_RCPT = "time in which 99 of 100 RCPT commands are answered,"
_PAGE = "time in which 95 of 100 pages of the dashboard are answered:"
_STALL = "longest wait of a look-up while Redis is filled anew,"

_REFUSED = "names that were there and refused all the same,"

DESCRIPTIONS: Mapping[str, str] = {
    "mta.redis_over_lmdb": f"{_CPU} Postfix with lmdb maps",
    "mta.redis_over_sqlite": f"{_CPU} Postfix with sqlite maps",
    "mta.redis_over_pgsql": f"{_CPU} Postfix with pgsql maps",
    "mta.redis_lmdb_over_lmdb": f"{_FILE} Postfix with lmdb maps",
    "mta.redis_lmdb_over_sqlite": f"{_FILE} Postfix with sqlite maps",
    "mta.redis_lmdb_over_pgsql": f"{_FILE} Postfix with pgsql maps",
    "mta.redis_lmdb_over_c": f"{_FILE} a filter in C",
    "milter.paced_over_c": f"{_ALONE} at 1,200 messages a second",
    "milter.burst_1_over_c": f"{_ALONE} 1 connection without pause",
    "milter.burst_10_over_c": f"{_ALONE} 10 connections without pause",
    "milter.burst_50_over_c": f"{_ALONE} 50 connections without pause",
    "milter.paced_byname_rcpt_p99_ms": f"{_RCPT} at 1,200 messages a second on up to 50 connections",
    "milter.burst_50_byname_rcpt_p99_ms": f"{_RCPT} 50 connections without pause",
    "recipients.extra_of_1000_cpu_us": "CPU time of the filter for each further recipient of a message",
    "counts.message_counted_over_uncounted": "CPU time of a message with counting, as a multiple of that without",
    "memory.growth_mib": "growth of a milter process over 90,000 messages, after its first 10,000",
    **{
        f"api.{store}_creates_per_s": f"aliases made in a second over the API, {name}, eight clients"
        for store, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL"))
    },
    **{
        f"api.{store}_bulk_items_per_s": f"aliases made in a second by calls of 1,000, {name}, one client"
        for store, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL"))
    },
    "expiring.bytes_per_alias": "memory of Redis for an alias with its target that expires",
    "expiring.decision_over_endless": "CPU time of a decision about an alias that expires, as a multiple of another",
    "scale.bytes_per_alias": "memory of Redis for an alias with its target, largest store",
    "scale.largest_over_smallest_cpu": "CPU time of a message, largest store as a multiple of the smallest",
    "scale.largest_over_smallest_p99": "p99 of RCPT, largest store as a multiple of the smallest",
    "scale.10000_stall_ms": f"{_STALL} 10,000 aliases",
    "scale.100000_stall_ms": f"{_STALL} 100,000 aliases",
    "scale.1000000_stall_ms": f"{_STALL} a million aliases",
    "scale.10000000_stall_ms": f"{_STALL} ten million aliases",
    "scale.1000000_rebuild_s": "filling Redis anew with a million aliases from SQLite",
    "scale.10000_refused": f"{_REFUSED} 10,000 aliases",
    "scale.100000_refused": f"{_REFUSED} 100,000 aliases",
    "scale.1000000_refused": f"{_REFUSED} a million aliases",
    "scale.10000000_refused": f"{_REFUSED} ten million aliases",
    "peers.redis_lmdb_over_plain_milter": f"{_FILE} a plain filter on pymilter and redis-py",
    "peers.redis_lmdb_over_policy": f"{_FILE} a policy service in Python beside lmdb maps",
    "peers.redis_lmdb_over_rspamd": f"{_FILE} rspamd with one rule",
    "messages.api_over_smtplib_cpu": "CPU time of a program's message by the Message API, as a multiple of smtplib",
    "pages.mailboxes_p95_ms": f"{_PAGE} mailboxes, of 10,000",
    "pages.mailboxes_search_p95_ms": f"{_PAGE} mailboxes, searched for by a part of the address",
    "pages.aliases_p95_ms": f"{_PAGE} the 100 aliases of a mailbox",
    "pages.people_p95_ms": f"{_PAGE} the people of an account",
    "pages.tokens_p95_ms": f"{_PAGE} tokens",
    "pages.operator_p95_ms": f"{_PAGE} the state of the site",
    "pages.accounts_p95_ms": f"{_PAGE} accounts, of a thousand",
    "pages.accounts_search_p95_ms": f"{_PAGE} accounts, searched for by a part of the name",
    "pages.operators_mailboxes_p95_ms": f"{_PAGE} mailboxes, of all accounts",
    "pages.style_script_icon_bytes": "style, script and icon of the dashboard, uncompressed",
    "pages.cold_requests": "requests of a browser that has kept nothing, for one page of the dashboard",
    "propagation.p99_ms": "from the commit of a change in PostgreSQL to the milter's next answer, 99 of 100 changes",
    **{
        f"relay.{store}_{figure}": f"{text}, over 50,000 domains, {name}"
        for store, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL"))
        for figure, text in (
            ("lag_p99_ms", "from the outbox into Redis at 2,000 changes a second, 99 of 100"),
            ("most_per_s", "changes that the relay applies in a second"),
        )
    },
    "rebuild.sqlite_aliases_per_s": "aliases a second into an empty Redis, from SQLite",
    "rebuild.postgresql_aliases_per_s": "aliases a second into an empty Redis, from PostgreSQL",
    "rebuild.sqlite_bytes_per_alias": "memory of Redis for an alias with its target",
    "rebuild.postgresql_bytes_per_alias": "memory of Redis for an alias with its target, from PostgreSQL",
    "rebuild.sqlite_lookup_longest_ms": f"{_STALL} from SQLite",
    "rebuild.postgresql_lookup_longest_ms": f"{_STALL} from PostgreSQL",
    "rebuild.sqlite_lookups_refused": f"{_REFUSED} while Redis was filled from SQLite",
    "rebuild.postgresql_lookups_refused": f"{_REFUSED} while Redis was filled from PostgreSQL",
}
_UNITS = {"x": "times", "us": "µs", "1/s": "a second", "B": "bytes"}


def describe(figure: Figure) -> str:
    """Return the description of a figure; its name where there is none."""
    return DESCRIPTIONS.get(figure.name, f"`{figure.name}`")


def with_unit(figure: Figure) -> str:
    """Return a figure with its unit."""
    return f"{number(figure.value)} {_UNITS.get(figure.unit, figure.unit)}".strip()


def goal_text(figure: Figure) -> str:
    """Return the goal of a figure; empty without one."""
    if figure.goal is None:
        return ""
    return f"at {'least' if figure.goal.at_least else 'most'} {number(figure.goal.limit)}"
