"""Repeatable requests: the key goes with the change, in one transaction, whoever else comes and whoever dies."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from store.clock import utc_now
from store.errors import ServiceError, StoreUnavailable
from store.services import aliases, idempotency, tokens
from store.services.idempotency import Fresh, Replay
from store.sql.database import Database, Transaction
from store.sql.pool_profiles import WRITE
from store.sql.tables import IdempotencyKeyRow, TokenRow
from store.sql.tenant import Acting
from tests.store.services.owned import PREFIXES

JOHN = "john@brand-a.com"
IMPATIENT = replace(WRITE, lock=0.3)


def new_token(database: Database, account: str = "acme") -> Acting:
    """Return someone who acts with a new token of an account."""
    with database.write() as tx:
        made = tokens.create(tx, name="a test", kind="account", account=account, prefixes=PREFIXES).token
    return Acting(account_id=made.account_id, token_id=made.id)


@pytest.fixture
def acting(world: Database) -> Acting:
    return new_token(world)


@pytest.fixture
def impatient(world: Database, url: str) -> Iterator[Database]:
    """The same database, for one who waits 0.3 s instead of 5."""
    opened = Database.open(url, writing=IMPATIENT)
    yield opened
    opened.close()


def take(tx: Transaction, key: str = "k", fingerprint: str = "00") -> Fresh | Replay:
    assert tx.acting.token_id is not None
    return idempotency.begin(tx, tx.acting.token_id, key, fingerprint)


def ask(database: Database, acting: Acting, address: str = "sales@brand-b.com") -> tuple[int, str | None]:
    """Create an alias as the API does, and return the answer, first or repeated."""
    with database.write(acting) as tx:
        begun = take(tx, fingerprint=address)
        if isinstance(begun, Replay):
            return begun.status, begun.body
        made = aliases.add(tx, address, JOHN)
        idempotency.finish(tx, begun.id, 201, f"alias {made.id}")
    return 201, f"alias {made.id}"


def test_a_repeat_gets_the_first_answer(world: Database, acting: Acting) -> None:
    first = ask(world, acting)
    assert first[0] == 201
    assert ask(world, acting) == first
    with world.read() as tx:
        assert len(aliases.list_all(tx)) == 1


def test_a_refused_change_leaves_its_key_free(world: Database, acting: Acting) -> None:
    for _ in range(2):
        with pytest.raises(ServiceError) as error:
            ask(world, acting, "NO@brand-b.com")
        assert error.value.code == "invalid-local-part"
    assert ask(world, acting)[0] == 201


def test_another_request_with_the_key(world: Database, acting: Acting) -> None:
    ask(world, acting)
    with pytest.raises(ServiceError) as error:
        ask(world, acting, "info@brand-b.com")
    assert error.value.code == "idempotency-key-reused"


def test_keys_are_the_tokens_own(world: Database, acting: Acting) -> None:
    other = new_token(world, "rival")
    ask(world, acting)
    with world.write(other) as tx:
        assert isinstance(take(tx), Fresh)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "\x00"])
def test_what_is_no_key(world: Database, acting: Acting, key: str) -> None:
    with pytest.raises(ServiceError) as error, world.write(acting) as tx:
        take(tx, key)
    assert error.value.code == "invalid-request"


def test_a_key_is_kept_for_a_day(world: Database, acting: Acting) -> None:
    ask(world, acting)
    grow_old(world, timedelta(hours=23, minutes=59))
    with world.write(acting) as tx:
        assert isinstance(take(tx, fingerprint="sales@brand-b.com"), Replay)
    grow_old(world, timedelta(minutes=2))
    with world.write(acting) as tx:
        assert isinstance(take(tx, fingerprint="another request"), Fresh)


def test_old_keys_of_anyone_go_in_passing(world: Database, acting: Acting) -> None:
    other = new_token(world, "rival")
    for key in ("a", "b"):
        with world.write(other) as tx:
            take(tx, key)
    grow_old(world, timedelta(hours=25))
    for number in range(16):  # one in so many looks for them
        with world.write(acting) as tx:
            take(tx, f"key {number}")
    with world.read() as tx:
        assert tx.scalars(select(IdempotencyKeyRow.token_id)).all() == [acting.token_id] * 16


def grow_old(database: Database, by: timedelta) -> None:
    with database.write() as tx:
        for key in tx.scalars(select(IdempotencyKeyRow)):
            key.created_at -= by


def test_a_token_that_removes_itself(world: Database, acting: Acting) -> None:
    assert acting.token_id is not None
    with world.write(acting) as tx:
        begun = take(tx)
        assert isinstance(begun, Fresh)
        tokens.remove(tx, acting.token_id)
        idempotency.finish(tx, begun.id, 204, None)
    with pytest.raises(ServiceError) as error, world.write(acting) as tx:
        take(tx)
    assert error.value.code == "conflict"


def test_an_import_goes_on_where_it_stopped(world: Database, acting: Acting) -> None:
    with world.write(acting) as tx:
        begun = take(tx)
        assert isinstance(begun, Fresh)
        idempotency.advance(tx, begun.id, lines_before=0, lines_done=500)
    with world.write(acting) as tx:
        assert take(tx) == Fresh(begun.id, 500)
    with pytest.raises(ServiceError) as error, world.write(acting) as tx:
        idempotency.advance(tx, begun.id, lines_before=0, lines_done=500)
    assert error.value.code == "request-in-progress"
    with world.write(acting) as tx:
        idempotency.finish(tx, begun.id, 200, "all")
    with world.write(acting) as tx:
        assert take(tx) == Replay(200, "all")


def test_twenty_at_once(world: Database, acting: Acting) -> None:
    answers: Counter[object] = Counter()
    gate = threading.Barrier(20)

    def run() -> None:
        gate.wait()
        try:
            answers[ask(world, acting)] += 1
        except Exception as error:  # noqa: BLE001 - told by the assertion
            answers[repr(error)] += 1

    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(answers.values()) == [20], answers
    with world.read() as tx:
        assert tx.scalar(select(func.count()).select_from(IdempotencyKeyRow)) == 1
        assert [alias.address for alias in aliases.list_all(tx)] == ["sales@brand-b.com"]


def test_the_first_takes_too_long(world: Database, impatient: Database, acting: Acting) -> None:
    """PostgreSQL knows which row is waited for; SQLite has one writer and cannot tell. Both are asked to come again."""
    with world.write(acting) as tx:
        take(tx)
        with pytest.raises((ServiceError, StoreUnavailable)) as error:
            ask(impatient, acting)
    if tx.get_bind().dialect.name == "postgresql":
        assert isinstance(error.value, ServiceError)
        assert error.value.code == "request-in-progress"
    else:
        assert isinstance(error.value, StoreUnavailable)


_PROCESS = """
import sys
from store.sql.database import Database
from store.sql.tenant import Acting
from tests.store.services.test_idempotency import ask

database = Database.open(sys.argv[1])
acting = Acting(account_id=1, token_id=int(sys.argv[2]))
for number in range(20):
    print(ask(database, acting, "sales@brand-b.com"))
"""

_DYING = """
import sys, time
from store.services import aliases
from store.sql.database import Database
from store.sql.tenant import Acting
from tests.store.services.test_idempotency import take

with Database.open(sys.argv[1]).write(Acting(account_id=1, token_id=int(sys.argv[2]))) as tx:
    take(tx, fingerprint="sales@brand-b.com")
    aliases.add(tx, "sales@brand-b.com", "john@brand-a.com")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_two_processes(world: Database, acting: Acting, url: str) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", _PROCESS, url, str(acting.token_id)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [answer for process in running for answer in process.communicate(timeout=60)[0].splitlines()]
    assert len(answers) == 40
    assert len(set(answers)) == 1
    with world.read() as tx:
        assert len(aliases.list_all(tx)) == 1


def test_killed_in_the_middle(world: Database, acting: Acting, url: str) -> None:
    """Neither key nor alias is left, and the repeat, which waited for the dead one, makes both."""
    with subprocess.Popen(
        [sys.executable, "-c", _DYING, url, str(acting.token_id)], stdout=subprocess.PIPE, text=True
    ) as dying:
        assert dying.stdout is not None
        assert dying.stdout.readline() == "ready\n"
        threading.Timer(0.5, dying.kill).start()
        status, body = ask(world, acting)
    assert status == 201
    with world.read() as tx:
        assert [f"alias {alias.id}" for alias in aliases.list_all(tx)] == [body]
        assert tx.scalar(select(func.count()).where(IdempotencyKeyRow.status == 201)) == 1


def test_a_key_does_not_wait_for_the_last_use(world: Database, impatient: Database, acting: Acting) -> None:
    """The note when a token was last used holds its row; a key that points at it is written all the same."""
    if impatient.lookups.dialect.name == "sqlite":
        return  # one writer at a time
    with world.write() as tx:
        tx.execute(update(TokenRow).values(last_used_at=utc_now()))
        assert ask(impatient, acting)[0] == 201
