"""Replies of Redis to the relay's reading commands, as values. Pure."""

import re
from typing import Any

from store.relay.target import Raw, State

_TRAIL = re.compile(r"(?P<up_to>[0-9]+) (?P<floor>[0-9]+)(?P<counts>[0-9 ]*)")


def state(now_ms: int, known: Any, server: Any, memory: Any) -> State:
    """Return the state of a Redis: its clock in ms, the hash of the relay's state, INFO of server and memory."""
    raw = {} if isinstance(known, Exception) else {name.decode(): text.decode() for name, text in pairs(known).items()}
    policy = info(memory).get("maxmemory_policy", "")
    applied = _number(raw.get("applied"))
    trail, floor = _trail(raw.get("trail", ""), applied)
    return State(
        now_ms,
        info(server).get("run_id", ""),
        policy,
        is_built=raw.get("built") == "1",
        built_run=raw.get("run", ""),
        epoch=raw.get("epoch", ""),
        applied=applied,
        version=_number(raw.get("version")),
        nonce=raw.get("nonce", ""),
        build=raw.get("build", ""),
        trail=trail,
        floor=floor,
    )


def _trail(text: str, applied: int) -> tuple[frozenset[int], int]:
    """Return the counts of the trail, and up to which nobody can tell: all where an older relay wrote, without one."""
    found = _TRAIL.fullmatch(text)
    if found is None or int(found["up_to"]) != applied:
        return frozenset(), applied
    return frozenset(map(int, found["counts"].split())), int(found["floor"])


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
