"""Pool profiles: the size and timeouts of the connection pool of each kind of use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolProfile:
    """One kind of use, with a pool of its own. Times are in seconds.

    As many connections stay open as eight busy clients need. A new one costs PostgreSQL a process, and a plan for each
    statement: with five kept, eight clients that make aliases took 3.6 ms of its CPU time for each, with all kept 2.3.
    """

    read_only: bool
    transactions: bool  # False: each statement stands alone, no BEGIN around it
    statement: float  # the longest a statement may run
    lock: float  # the longest wait for another writer, and for a free connection of the pool
    pool_size: int = 10
    pool_overflow: int = 10

    @property
    def silence(self) -> float:
        """How long a server may stay silent before we hang up: it should have ended the statement itself by then."""
        return self.statement + 0.25


# A decision in the SMTP dialogue (docs/design.md, section 6: SQL is given one second). Milters run many threads, which
# take turns (store.sql.fair_semaphore); more than a few connections make a Python process no faster.
LOOKUP = PoolProfile(read_only=True, transactions=False, statement=1, lock=1, pool_size=8, pool_overflow=2)
READ = PoolProfile(read_only=True, transactions=True, statement=30, lock=5)
WRITE = PoolProfile(read_only=False, transactions=True, statement=30, lock=5)
# The relay: a server that is stopped dead must be given up soon, or its return would be noticed late.
RELAY_READ = PoolProfile(read_only=True, transactions=True, statement=5, lock=2)
RELAY_WRITE = PoolProfile(read_only=False, transactions=True, statement=5, lock=2)
MIGRATE = PoolProfile(read_only=False, transactions=True, statement=3600, lock=30)
