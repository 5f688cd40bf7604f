"""What the figures of a run come to, in sentences for an operator: computed from them, so that they cannot disagree."""

from collections.abc import Callable, Iterator, Sequence

from bench.report.figures import Figure, number

_A_DAY = 100_000  # messages, of a busy small site


def read(figures: Sequence[Figure]) -> Iterator[str]:
    """Return a sentence or two for each question that this run can answer."""
    known = {figure.name: figure.value for figure in figures}
    for names, say in _SENTENCES:
        if known.keys() >= set(names):
            yield say(*(known[name] for name in names))


def _message(ours: float, theirs: float) -> str:
    more = (ours - theirs) * _A_DAY / 1e6
    compared = f"{number(more)} s of one core more" if more > 0 else f"{number(-more)} s of one core less"
    return (
        f"A message through Byname over Redis takes {number(ours)} µs of CPU time, Postfix included, and"
        f" {number(theirs)} µs with Postfix's own lmdb maps: {_A_DAY:,} messages a day take {compared}."
    )


def _parts(filter_: float, maps: float, redis: float) -> str:
    return (
        f"Of that the filter takes {number(filter_)} µs, `byname maps` {number(maps)} µs, Redis {number(redis)} µs; the"
        " rest is Postfix's, which also speaks with both."
    )


def _peers(ours: float, plain: float, policy: float, rspamd: float) -> str:
    return (
        f"Beside filters of others that ask a Redis for the same names, a message takes {number(ours)} µs with Byname"
        f" (hosted domains in a file, as theirs), {number(plain)} µs with a plain filter on pymilter,"
        f" {number(policy)} µs with a policy service in Python, {number(rspamd)} µs with rspamd and one rule."
    )


def _at_most(per_second: float, longest: float) -> str:
    return (
        f"The filter, asked by 50 connections without pause, takes {number(per_second)} messages a second,"
        f" beside those who ask on the same cores; 99 of 100 RCPT are answered within {number(longest)} ms."
    )


def _change(half: float, most: float) -> str:
    return (
        f"A change sent to the API on PostgreSQL is what the filter answers by {number(half)} ms later (half of them),"
        f" or {number(most)} ms (99 of 100)."
    )


def _creates(sqlite: float, postgresql: float) -> str:
    return (
        f"Eight programs at once make {number(sqlite)} aliases a second through the API on SQLite,"
        f" {number(postgresql)} on PostgreSQL."
    )


_SENTENCES: tuple[tuple[tuple[str, ...], Callable[..., str]], ...] = (
    (("mta.redis_cpu_us", "mta.lmdb_cpu_us"), _message),
    (("mta.redis_cpu_filter_us", "mta.redis_cpu_maps_us", "mta.redis_cpu_redis_us"), _parts),
    (tuple(f"peers.{way}_cpu_us" for way in ("redis_lmdb", "plain_milter", "policy", "rspamd")), _peers),
    (("milter.burst_50_byname_messages_per_s", "milter.burst_50_byname_rcpt_p99_ms"), _at_most),
    (("propagation.postgresql_api_p50_ms", "propagation.postgresql_api_p99_ms"), _change),
    (("api.sqlite_creates_per_s", "api.postgresql_creates_per_s"), _creates),
)
