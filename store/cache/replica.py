"""The directory in a replica of Redis, and what makes a replica evidence: the primary's word, asked for once a second.

A replica may be behind for as long as it likes, and keys end there by its own clock, so nothing in it says how old it
is. The :class:`Witness` finds out: it asks the primary for the lease, what is left of it and how far replication has
got there, and then waits until the replica has come as far. From then on, until that lease ends, the replica holds all
that the lease vouches for. The time is counted from before the primary was asked, by this machine's monotonic clock:
no two clocks are compared, and a replica that is cut off from its primary is believed no longer than the lease lives.

How far is a replication id and an offset in it (redis.io, "How Redis replication works"): after a failover the id is
another one. The facts are read together with the replica's own id and the lease that stands there, and both must be the
very ones of the primary, by the same run of the replica: so what came from another primary meanwhile, or from a file
after a restart, counts for nothing.

Affirmed facts, for the time when SQL is silent (docs/design.md, section 6), come from the primary only.
"""

import threading
from collections.abc import Collection
from dataclasses import dataclass
from time import monotonic

import redis
import structlog

from routing.address import Address
from store.cache.connection import open_pool
from store.cache.deadline import DeadlineRunner, Unanswered
from store.cache.directory import LOOKUP_SCRIPT, TIMEOUT, WORKERS, Facts, NoEvidence, RedisDirectory, reason_of
from store.cache.redis_sockets import MOST, KeptConnections
from store.wire_format import layout, lease

log = structlog.get_logger()

EVERY = 1.0  # seconds from one look to the next; one that took longer, over a bad line, is followed at once
_STEP = 0.02  # seconds between looks whether the replica has come as far
_PATIENCE = 1.5  # seconds to wait for that, and for the primary's answer: no mail waits for either

# As any look-up; but with the lease comes the id of the history that the facts are of.
_SCRIPT = LOOKUP_SCRIPT.replace(
    "return found",
    """if found[1][1] then
  local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  found[1][1] = found[1][1] .. ' ' .. history
end
return found""",
)

_WORD_SCRIPT = """
return {redis.call('PTTL', KEYS[1]), redis.call('GET', KEYS[1]), redis.call('INFO', 'replication')}
"""

Position = tuple[str, int]  # replication id, and offset in what it counts


@dataclass(frozen=True, slots=True)
class _Word:
    """The primary's word: lease and history, of which run of the replica, and until when by the monotonic clock."""

    vouched: bytes
    run_id: str | None
    until: float


class Witness:
    """Looks at the primary and at a replica, in a thread of its own; any thread asks whether the replica counts."""

    def __init__(self, primary: redis.ConnectionPool, replica: redis.ConnectionPool) -> None:
        self._primary = KeptConnections(primary)
        self._replica = KeptConnections(replica)
        self._word: _Word | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replica-witness", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """End it, and close its connections."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE)
        self._primary.close()
        self._replica.close()

    def vouches(self) -> bool:
        """Return whether the replica counts now, if it still follows the same primary."""
        word = self._word
        return word is not None and monotonic() < word.until

    def holds(self, found: bytes | None, run_id: str | None) -> bool:
        """Return whether ``found``, lease and history as this run of the replica has them, makes its facts evidence."""
        word = self._word
        if word is None or monotonic() >= word.until:
            return False
        return found == word.vouched and run_id == word.run_id

    def look(self) -> str:
        """Look once; return why the replica is not believed anew, empty when it is.

        What was found before holds until its end, unless the primary itself has no lease any more.

        Raises:
            redis.RedisError, OSError: one of the two does not answer.
        """
        asked = monotonic()
        (left, found, reply), run_id = self._primary.ask(("EVAL_RO", _WORD_SCRIPT, "1", layout.LEASE_KEY), _PATIENCE)
        if not lease.holds(found, run_id):
            self._word = None
            self._primary.hang_up()  # a former primary, perhaps, and the name leads elsewhere by now
            return "the primary has no lease"
        goal = _position(reply, "master_repl_offset")
        replica = self._come_to(goal, monotonic() + _PATIENCE)
        if replica is None:
            return "the replica is behind"
        vouched = b"%s %s" % (found, goal[0].encode())
        self._word = _Word(vouched, replica, asked + min(left / 1000, lease.SECONDS))
        return ""

    def _come_to(self, goal: Position, until: float) -> str | None:
        """Return the run id of the replica once it has come that far; None when it does not in time."""
        while monotonic() < until:
            reply, run_id = self._replica.ask(("INFO", "replication"), _PATIENCE)
            history, offset = _position(reply, "slave_repl_offset")
            if history == goal[0] and offset >= goal[1]:
                return run_id
            if self._ended.wait(_STEP):
                break
        return None

    def _run(self) -> None:
        trouble = ""
        while not self._ended.is_set():
            begun = monotonic()
            before, trouble = trouble, self._trouble()
            if trouble != before:
                log.warning("replica-not-believed", reason=trouble) if trouble else log.info("replica-believed")
            self._ended.wait(max(_STEP, begun + EVERY - monotonic()))

    def _trouble(self) -> str:
        try:
            return self.look()
        except Exception as error:  # noqa: BLE001 - whatever answers there: then the last word runs out
            return reason_of(error)


class ReplicaDirectory:
    """The directory in a replica; thread-safe. It answers with evidence, or not at all."""

    def __init__(self, witness: Witness, replica: redis.ConnectionPool) -> None:
        self._witness = witness
        self._directory = RedisDirectory(replica, witness.holds, _SCRIPT)
        self._runner = DeadlineRunner("replica-lookup", TIMEOUT, WORKERS)

    @classmethod
    def open(cls, primary: str, replica: str) -> "ReplicaDirectory":
        """Return the directory in the replica at a URL; another leads to its primary. Raises StoreNotReady."""
        witness = Witness(
            open_pool(primary, timeout=_PATIENCE, connections=2),
            open_pool(replica, timeout=_PATIENCE, connections=2, is_replica=True),
        )
        directory = cls(witness, open_pool(replica, timeout=TIMEOUT, connections=MOST, is_replica=True))
        witness.start()
        return directory

    def fresh(self, wanted: Collection[Address]) -> Facts | None:
        """Return the facts; None where the replica gives no evidence, does not answer, or is not believed."""
        if not self._witness.vouches():
            return None
        read, at_once = self._directory.read, self._directory.read_at_once
        try:
            answer = self._runner.ask(lambda: read(wanted), lambda: at_once(wanted))
        except (NoEvidence, Unanswered):
            return None
        return answer.facts if answer.is_fresh else None

    def close(self) -> None:
        """End the witness and the workers, and close all connections."""
        self._witness.close()
        self._runner.close()
        self._directory.close()


def _position(info: object, offset: str) -> Position:
    """Return the position in the raw answer to ``INFO replication``. Raises an exception when it has none."""
    if not isinstance(info, bytes):
        raise TypeError("no answer to INFO replication")
    pairs = dict(line.split(":", 1) for line in info.decode("ascii", "replace").split() if ":" in line)
    return pairs["master_replid"], int(pairs[offset])
