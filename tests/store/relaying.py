"""A relay in the test's own hands: one step at a time, over a real Redis and a real database."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from store.cache.connection import open_pool
from store.cache.rebuild import Progress, audit, rebuild
from store.cache.redis_target import RedisTarget
from store.cache.relay import Relay, Step
from store.cache.source import SqlSource
from store.cache.sync import Difference
from store.cache.target import Lives
from store.sql.database import Database
from tests.store.redis_server import RedisServer

LIVES = Lives(lease=5, grace=60, sender_grace=30)


class Relaying:
    """One relay with its own connections."""

    def __init__(self, database: Database, server: RedisServer, lives: Lives = LIVES, url: str = "") -> None:
        self.database = database
        self.server = server
        self.source = SqlSource(database)
        self.target = RedisTarget(open_pool(url or server.url, patience=10, connections=4))
        self.relay = Relay(self.source, self.target, lives)

    def settle(self) -> Step:
        """Step, and rebuild where that is asked for, until the lease is given."""
        for _ in range(50):
            step = self.relay.step()
            if step.is_leased:
                return step
            if step.distrust is not None:
                self.rebuild()
        raise AssertionError(f"no lease: {step}")

    def rebuild(self) -> Progress:
        *_, last = rebuild(self.source, self.target)
        return last

    def audit(self) -> Progress:
        *_, last = audit(self.source, self.target, mends=True)
        return last

    def differences(self) -> list[Difference]:
        """What is not in step; nothing is mended."""
        *_, last = audit(self.source, self.target, mends=False)
        return last.report.differences

    def change(self, *changes: Callable[[Session], object]) -> None:
        for change in changes:
            with self.database.write() as tx:
                change(tx)

    def close(self) -> None:
        self.target.close()
