"""The peers bench: what a message costs with Byname, and with other filters that ask a Redis for the same names.

A whole Postfix for each, measured and checked as in mta, in turns; hosted domains come from lmdb, but for ``redis``.
The peers keep one hash in a Redis of their own, from addresses to mailboxes, and ask it once a recipient: less than
Byname asks for, and with none of its care (catch-alls, sub-addresses, states, the lease that tells "unknown" from
"lost", fallback, deadlines, a second look at the end of a long message).

- ``plain_milter``: the filter that people write, pymilter and redis-py (``bench/peers/plain_milter.py``).
- ``policy``: a policy service in Python of iRedAPD's kind (``bench/peers/policy_service.py``), beside lmdb maps.
- ``rspamd``: Debian's rspamd with one rule in Lua and nothing else switched on (``bench/peers/rspamd_names.lua``).
- ``c``, ``redis_lmdb``, ``redis``: as in mta; ``lmdb``: Postfix's own files, with no filter at all.

| | refuses an unknown name | replaces an alias | its own Delivered-To, and none of the sender's |
|---|---|---|---|
| Byname, the C filter, the plain milter | that recipient, at RCPT | yes | yes |
| policy service | that recipient, at RCPT | no: lmdb maps do | no |
| rspamd | the whole message, at its end | yes | yes |
| lmdb maps | that recipient, at RCPT | yes | no |

A policy service can neither remove a field nor know at RCPT whether others follow, whom a Delivered-To would show to
each other. It is asked once a recipient, over a connection that smtpd keeps open for many sessions, where a milter has
one for each session and is told every step and field: the least that a program in Python can cost here, for the least
that one can do. rspamd reads the whole message, as what it is made for does; it is a program in C that waits for all
connections at once, where libmilter hands each to a thread (docs/facts.md, "Milter and Postfix").
"""

from bench.cases.mta_checks import check
from bench.cases.mta_rounds import Ratios, figures, interleaved, ratios
from bench.cases.mta_ways import ways
from bench.cases.peer_ways import has_rspamd
from bench.report.figures import Figure, Goal, Scale

_ALIASES = 100_000
_WAYS = ("lmdb", "c", "plain_milter", "policy", "rspamd", "redis_lmdb", "redis")
_WAYS_OF_SHORT = ("plain_milter", "policy")
_RATIOS: Ratios = {
    ("redis_lmdb", "plain_milter"): Goal(1),
    ("redis_lmdb", "policy"): Goal(1),
    ("redis_lmdb", "rspamd"): Goal(1),
    ("redis", "plain_milter"): None,
    ("redis", "policy"): None,
    ("redis", "rspamd"): None,
}


def measure(scale: Scale) -> list[Figure]:
    """Return CPU microseconds for each message by way and part, messages a second, and ratios."""
    messages, rounds = scale.of(40, 1500, 5000), scale.of(1, 7)
    names = [name for name in (_WAYS_OF_SHORT if scale.short else _WAYS) if name != "rspamd" or has_rspamd()]
    with ways(names, scale.of(500, _ALIASES)) as known:
        for way in known:
            check(way)
        found = interleaved(known, messages, rounds, warm=not scale.short)
    return [*figures("peers", found), *ratios("peers", found, _RATIOS)]
