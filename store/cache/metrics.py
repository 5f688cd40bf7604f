"""Prometheus metrics of the directory. Counting is memory only and never fails a look-up."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5)
_SOURCES = ("replica", "cache", "sql", "grace", "none")


class DirectoryMetrics:
    """The directory's metrics, in a registry of the caller's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        lookups = Counter(
            "byname_lookups",
            "Look-ups by what answered: replica, cache, sql, grace (the cache, with nobody to vouch for it), none.",
            ["source"],
            registry=registry,
        )
        self.fallbacks = Counter(
            "byname_cache_fallbacks",
            "Look-ups that the cache did not answer, by reason.",
            ["reason"],
            registry=registry,
        )
        self.failures = Counter(
            "byname_sql_failures", "Look-ups that SQL did not answer, by reason.", ["reason"], registry=registry
        )
        seconds = Histogram(
            "byname_lookup_seconds",
            "Time of a look-up by what answered.",
            ["source"],
            buckets=_SECONDS,
            registry=registry,
        )

        self._of_source = {source: (lookups.labels(source), seconds.labels(source)) for source in _SOURCES}
        self.lease_age = Gauge(
            "byname_cache_lease_age_seconds", "Age of the cache's lease; NaN without one.", registry=registry
        )

    def answered(self, source: str, seconds: float) -> None:
        """Count one look-up."""
        count, times = self._of_source[source]
        count.inc()
        times.observe(seconds)
