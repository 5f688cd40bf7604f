"""The rate limit: one token bucket for each API token, in the memory of this process."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_MOST = 10_000  # buckets kept; then those that are full again are forgotten


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float  # when that was so, on the clock


class RateLimit:
    """Lets each key through ``rate`` times a second, and ``burst`` times at once. Safe to share between threads."""

    def __init__(self, rate: int, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with full buckets. ``clock`` counts seconds and never goes back."""
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._guard = threading.Lock()
        self._buckets: dict[int, _Bucket] = {}

    def take(self, key: int) -> float:
        """Take one turn and return 0, or take none and return in how many seconds there will be one."""
        with self._guard:
            now = self._clock()
            bucket = self._filled(key, now)
            if bucket.left >= 1:
                bucket.left -= 1
                return 0.0
            return (1 - bucket.left) / self.rate

    def _filled(self, key: int, now: float) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= _MOST:
                self._forget(now)
            bucket = self._buckets[key] = _Bucket(self.burst, now)
        bucket.left = self._level(bucket, now)
        bucket.at = now
        return bucket

    def _level(self, bucket: _Bucket, now: float) -> float:
        return min(float(self.burst), bucket.left + (now - bucket.at) * self.rate)

    def _forget(self, now: float) -> None:
        """Forget the buckets that are full: a new one is no different."""
        self._buckets = {key: one for key, one in self._buckets.items() if self._level(one, now) < self.burst}
