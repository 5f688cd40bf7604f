"""The mta bench: what a message costs a mail server that asks Byname, beside one that has other ways to know its names.

A private Postfix for each way takes messages from smtp-source(1), of 4 kB, each in an SMTP session of its own and to
another of 100,000 aliases, and throws them away. The ways take turns, so that whatever else the machine does meets them
all; a figure is the median of seven rounds, its spread the distance of the farthest. CPU time is that of all processes
of a way: Postfix, the filter, ``byname maps``, Redis, PostgreSQL; not smtp-source's.

Every way is checked: a message to an alias goes to the alias's mailbox, with a Delivered-To of its own where the way
writes one, a message to an unknown name is refused, and in every round each mailbox gets what its aliases were sent.

``reused_...``: the same, but ten sessions bring a tenth of all messages each, one after the other (``smtp-source -d``),
as large senders do: greetings, the connection to the filter and its negotiation are paid once for many messages.

All sockets are unix ones. Over loopback the steps of a milter wait for TCP's delayed acknowledgements: a fifth of the
messages a second (about 90 for 400, measured on a busy machine), with every filter alike, for the same CPU time.

- ``none``: no names at all; every recipient in the domain is taken. What Postfix itself costs.
- ``lmdb``, ``sqlite``, ``pgsql``: Postfix's own maps (``bench.cases.native_maps``).
- ``c``: a filter in C over Byname's Redis (``bench/c_filter``), hosted domains from lmdb.
- ``redis``, ``sql``: Byname as README.md sets it up, milter and ``byname maps``, over Redis or over SQLite alone.
- ``redis_lmdb``: Byname over Redis, and Postfix reads hosted domains from the lmdb file that ``byname maps`` keeps
  (``[maps] export``).
"""

from bench.cases.mta_checks import check
from bench.cases.mta_rounds import Ratios, figures, interleaved, ratios
from bench.cases.mta_ways import ways
from bench.report.figures import Figure, Goal, Scale

_ALIASES = 100_000
_WAYS = ("none", "lmdb", "sqlite", "pgsql", "c", "redis_lmdb", "redis", "sql")
_WAYS_OF_SHORT = ("sqlite", "redis")
_REUSED = ("lmdb", "c", "redis_lmdb", "redis")
_RATIOS: Ratios = {
    ("redis", "lmdb"): Goal(1.40),
    ("redis", "sqlite"): Goal(1.05),
    ("redis", "pgsql"): Goal(0.85),
    ("redis", "c"): None,
    ("redis_lmdb", "redis"): None,
    ("redis_lmdb", "lmdb"): Goal(1.55),
    ("redis_lmdb", "sqlite"): Goal(1.15),
    ("redis_lmdb", "pgsql"): Goal(0.9),
    ("redis_lmdb", "c"): Goal(1.05),
    ("sql", "lmdb"): None,
    ("sql", "sqlite"): None,
    ("c", "lmdb"): None,
    ("none", "lmdb"): None,
    ("reused_redis", "reused_lmdb"): None,
    ("reused_redis", "reused_c"): None,
    ("reused_redis_lmdb", "reused_lmdb"): None,
    ("reused_redis_lmdb", "reused_c"): None,
}


def measure(scale: Scale) -> list[Figure]:
    """Return CPU microseconds for each message by way and part, messages a second, and ratios."""
    messages, rounds = scale.of(40, 1500, 5000), scale.of(1, 7)
    names = _WAYS_OF_SHORT if scale.short else _WAYS
    with ways(names, scale.of(500, _ALIASES)) as known:
        for way in known:
            check(way)
        found = interleaved(known, messages, rounds, warm=not scale.short)
        some = [way for way in known if way.name in _REUSED]
        reused = interleaved(some, messages, rounds, warm=False, reuse=True)
    found |= {f"reused_{name}": taken for name, taken in reused.items()}
    return [*figures("mta", found), *ratios("mta", found, _RATIOS)]
