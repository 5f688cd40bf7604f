"""Periodic maintenance of the cache: missing hashes are loaded, the whole is audited, old outbox rows are pruned."""

import random
from collections.abc import Callable, Iterator
from time import monotonic

from store.batches import batches
from store.relay.rebuild import Progress, audit, load, looked
from store.relay.source import Source
from store.relay.target import Raw, Target
from store.wire_format.layout import HOSTED_KEY, WHOLE
from store.wire_format.values import HOSTED

LOOK_EVERY = 10.0  # seconds
AUDIT_EVERY = 600.0
PRUNE_EVERY = 600.0
_AT_ONCE = 100  # domains; mail's own look-ups wait for these, some tenths of a millisecond


def load_missing(source: Source, target: Target) -> int:
    """Load the domains that the list has and that have no hash; return how many there were.

    Raises:
        StoreUnavailable, StoreNotReady, CacheUnavailable.
    """
    return sum(_loading_missing(source, target))


def _loading_missing(source: Source, target: Target) -> Iterator[int]:
    """Load the missing domains piece by piece; yield how many each piece had."""
    for some in target.scan(HOSTED_KEY):
        for listed in batches(_hosted(some), _AT_ONCE):
            sizes = target.sizes(listed)
            gone = {name for name, size in zip(listed, sizes, strict=True) if not size}
            if gone:
                load(source, target, *looked(source, target), gone)
            yield len(gone)


def _hosted(listed: Raw) -> Iterator[str]:
    whole, hosted = WHOLE.encode(), f" {HOSTED}".encode()
    return (name.decode("ascii", "replace") for name, raw in listed.items() if name != whole and raw.endswith(hosted))


class CacheMaintenance:
    """A scheduler of maintenance in small pieces between the relay's steps: a change waits for one piece at most."""

    def __init__(
        self,
        source: Source,
        target: Target,
        *,
        look_every: float = LOOK_EVERY,
        audit_every: float = AUDIT_EVERY,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._source = source
        self._target = target
        self._look_every = look_every
        self._audit_every = audit_every
        self._clock = clock  # seconds; one that jumps would make the work come at once, or late
        self._next_look = clock() + look_every
        self._next_audit = clock() + audit_every * random.uniform(0.1, 0.5)  # noqa: S311 - two relays, not at once
        self._next_prune = clock()
        self._look: Iterator[int] | None = None
        self._audit: Iterator[Progress] | None = None

    def work(
        self, seconds: float, version: int = 0, is_interrupted: Callable[[], bool] = lambda: False
    ) -> Progress | None:
        """Do what is due, a piece of it at least; return the result of an audit that has ended.

        Args:
            seconds: for about how long.
            version: the last one that the cache has seen: what led to it must stay in the outbox.
            is_interrupted: whether the relay should read the outbox now, and the rest can wait.

        Raises:
            StoreUnavailable, StoreNotReady, CacheUnavailable: an audit is given up, until it is due again.
        """
        now = self._clock()
        if now >= self._next_prune:
            self._next_prune = now + PRUNE_EVERY
            self._source.prune(version)
        if self._look is None and now >= self._next_look:
            self._next_look = now + self._look_every
            self._look = _loading_missing(self._source, self._target)
        if self._audit is None and now >= self._next_audit:
            self._next_audit = now + self._audit_every
            self._audit = audit(self._source, self._target, repairs=True, gently=True)
        return self._go_on(now + seconds, is_interrupted)

    @property
    def is_busy(self) -> bool:
        """True when there is more to do at once."""
        return self._look is not None or self._audit is not None

    def give_up(self) -> None:
        """End what is under way."""
        self._look = self._audit = None

    def _go_on(self, end: float, is_interrupted: Callable[[], bool]) -> Progress | None:
        while self.is_busy:
            try:
                ended = self._piece()
            except BaseException:
                self.give_up()
                raise
            if ended is not None or self._clock() >= end or is_interrupted():
                return ended
        return None

    def _piece(self) -> Progress | None:
        """Do one piece; return the result of an audit that it ended."""
        if self._look is not None:
            self._look = None if next(self._look, None) is None else self._look
        elif self._audit is not None:
            progress = next(self._audit, None)
            if progress is None:
                self._audit = None
                return self._last
            self._last = progress
        return None

    _last: Progress | None = None
