"""The value of the lease: the format and the run id of the Redis that it was given for.

A replica that was promoted, or a Redis that came back from its last snapshot, may hold the lease of a master that
accepted more than it did. Its run id is another one, so the lease does not count there until the relay has looked.
"""

from store.wire_format.layout import FORMAT

SECONDS = 5.0  # the lease's time to live (docs/design.md, section 6)


def lease_text(run_id: str) -> str:
    """Return the value of the lease on the Redis with this ``run_id`` (INFO, section Server)."""
    return f"{FORMAT} {run_id}"


def run_id_of(info: object) -> str | None:
    """Return the run id in the raw answer to ``INFO server``; None when there is none, whatever else came."""
    if not isinstance(info, bytes):
        return None
    for line in info.decode("ascii", "replace").splitlines():
        if line.startswith("run_id:"):
            return line.removeprefix("run_id:").strip() or None
    return None


def holds(raw: bytes | None, run_id: str | None) -> bool:
    """Return whether ``raw``, the lease as it was read from the Redis with ``run_id``, was given for that Redis."""
    return raw is not None and run_id is not None and raw == lease_text(run_id).encode("ascii")
