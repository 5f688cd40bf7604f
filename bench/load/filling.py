"""Many names at once, made by the database itself: past the services, for sizes that they would take hours for.

A pair of domains for each customer: mailboxes in ``company-N.test``, and aliases half there, half in ``brand-N.test``,
so that half of the targets in Redis are of another domain. Plans are not held: there may be more than 100 aliases.
Rows come by the half million, with a dot for each when there are more, so that no statement takes as long as it must
not and somebody who waits for ten million of them sees that it goes on.
"""

from collections.abc import Mapping

from sqlalchemy import bindparam, text

from bench.load.names import PER_PAIR
from store.clock import utc_now
from store.services import accounts
from store.sql.database import Database
from store.sql.tables import UtcDateTime

MAILBOXES = 10  # of each pair, unless another number is given

FIRST_END = 3_000_000_000  # seconds since 1970

_AT_ONCE = 500_000  # rows
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {end})"
_DOMAINS = """\
INSERT INTO domains (id, account_id, name, verified_at, is_active, proof_lapsed, created_at)
{numbers} SELECT i + 1, {account}, (CASE i % 2 WHEN 0 THEN 'company-' ELSE 'brand-' END) || (i / 2) || '.test',
{now}, true, false, {now} FROM n"""
_MORE_DOMAINS = """\
INSERT INTO domains (account_id, name, verified_at, is_active, proof_lapsed, created_at)
{numbers} SELECT (SELECT min(id) FROM accounts), 'empty-' || i || '.test', {now}, true, false, {now} FROM n"""
_ADDRESSES_OF_MAILBOXES = """\
INSERT INTO addresses (id, domain_id, local_part, kind, created_at)
{numbers} SELECT i + 1, i / {boxes} * 2 + 1, 'person-' || (i % {boxes}), 'mailbox', {now} FROM n"""
_MAILBOXES = """\
INSERT INTO mailboxes (id, display_name, password_hash, is_active)
{numbers} SELECT i + 1, '', '!', true FROM n"""
_ADDRESSES_OF_ALIASES = """\
INSERT INTO addresses (id, domain_id, local_part, kind, created_at)
{numbers} SELECT {mailboxes} + i + 1, i / {per} * 2 + 1 + i % 2, 'sales-' || (i % {per}), 'alias', {now} FROM n"""
_ALIASES = """\
INSERT INTO aliases (id, mailbox_id, can_receive, can_send, is_active, updated_at, off_at)
{numbers} SELECT {mailboxes} + i + 1, i / {per} * {boxes} + 1 + i % {boxes}, true, false, true, {now}, {off_at}
FROM n"""
# Each has an end of its own, but for the first two.
_ENDS = f"CASE WHEN i < 2 THEN NULL ELSE {FIRST_END} + i END"
_TABLES = ("domains", "addresses")


def fill(
    database: Database,
    aliases: int,
    per_pair: int = PER_PAIR,
    mailboxes_per_pair: int = MAILBOXES,
    *,
    ending: bool = False,
) -> int:
    """Put ``aliases`` aliases into an empty store, with what they need; return the number of pairs of domains.

    Those that are ``ending`` expire, each at another moment, all but the first two.
    """
    pairs = -(-aliases // per_pair)
    mailboxes = pairs * mailboxes_per_pair
    with database.write() as tx:
        account = accounts.create(tx, "bench", "agency").id
    boxes = mailboxes_per_pair
    values = {"account": account, "mailboxes": mailboxes, "boxes": boxes, "per": per_pair, "now": ":now"}
    values["off_at"] = _ENDS if ending else "NULL"
    for statement, count in (
        (_DOMAINS, 2 * pairs),
        (_ADDRESSES_OF_MAILBOXES, mailboxes),
        (_MAILBOXES, mailboxes),
        (_ADDRESSES_OF_ALIASES, aliases),
        (_ALIASES, aliases),
    ):
        _run(database, statement, count, values)
    _settle(database)
    return pairs


def add_domains(database: Database, count: int) -> None:
    """Add domains of the same account that hold nothing."""
    _run(database, _MORE_DOMAINS, count, {"now": ":now"})
    _settle(database)  # by an older count SQLite would read all domains for each look-up


def _run(database: Database, statement: str, count: int, values: Mapping[str, object]) -> None:
    """Make ``count`` rows, from the numbers ``i`` from 0."""
    moment = [bindparam("now", utc_now(), type_=UtcDateTime())] if "{now}" in statement else []
    for first in range(0, count, _AT_ONCE):
        numbers = _NUMBERS.format(first=first, end=min(first + _AT_ONCE, count))
        with database.write() as tx:
            tx.execute(text(statement.format(numbers=numbers, **values)).bindparams(*moment))
        if count > _AT_ONCE:
            print(".", end="", flush=True)


def _settle(database: Database) -> None:
    """Let PostgreSQL's sequences go on after the ids given here, and its planner know what there is."""
    with database.write() as tx:
        if tx.get_bind().dialect.name == "postgresql":
            for name in _TABLES:
                tx.execute(text(f"SELECT setval('{name}_id_seq', (SELECT max(id) FROM {name}))"))
        tx.execute(text("ANALYZE"))
