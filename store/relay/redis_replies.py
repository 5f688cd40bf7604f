"""Replies of Redis to the relay's reading commands, as values. Pure."""

from typing import Any

from store.relay.target import Raw, State


def state(now_ms: int, known: Any, server: Any, memory: Any) -> State:
    """Return the state of a Redis: its clock in ms, the hash of the relay's state, INFO of server and memory."""
    raw = {} if isinstance(known, Exception) else {name.decode(): text.decode() for name, text in pairs(known).items()}
    policy = info(memory).get("maxmemory_policy", "")
    return State(
        now_ms,
        info(server).get("run_id", ""),
        policy,
        is_built=raw.get("built") == "1",
        built_run=raw.get("run", ""),
        epoch=raw.get("epoch", ""),
        applied=_number(raw.get("applied")),
        version=_number(raw.get("version")),
        nonce=raw.get("nonce", ""),
        build=raw.get("build", ""),
    )


def info(raw: Any) -> dict[str, str]:
    """Return the lines of an INFO reply by name."""
    lines = (line.partition(":") for line in raw.decode("ascii", "replace").splitlines())
    return {name: value.strip() for name, _, value in lines}


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0


def pairs(raw: Any) -> Raw:
    """Return an HGETALL reply by field; nothing for a key of the wrong type."""
    if isinstance(raw, Exception):
        return {}
    return dict(zip(raw[::2], raw[1::2], strict=True))
