"""The problem document on the wire (RFC 9457, docs/api.md, "Errors"), as JSON Schema."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args

from admin_api.http.error_codes import STATUS
from admin_api.rest.schemas.accounts import Plan

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_MAYBE_TEXT = {"type": ["string", "null"]}
_MEMBERS: dict[str, Any] = {
    "type": {"type": "string", "format": "uri"},
    "title": _TEXT,
    "status": {"type": "integer", "minimum": 400, "maximum": 599},
    "detail": _TEXT,
    "instance": {**_TEXT, "description": "The path that was asked."},
    "code": {"type": "string", "enum": sorted(STATUS), "description": "Stable; decide by this."},
    "message": {**_TEXT, "description": "The same as detail."},
    "hint": {**_MAYBE_TEXT, "description": "What to do about it."},
    "request_id": _TEXT,
    "retryable": {"type": "boolean", "description": "Whether the same request may work later."},
    "errors": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"pointer": _TEXT, "detail": _TEXT},
            "required": ["pointer", "detail"],
            "additionalProperties": False,
        },
    },
}
_FIGURES: dict[str, Any] = {
    "retry_after": {"type": "integer", "minimum": 1, "description": "Seconds, as in the header Retry-After."},
    "reason": {"type": "string", "enum": ["feature_not_available"], "description": "With feature-not-available."},
    "used": _COUNT,
    "limit": _COUNT,
    "plan": {"type": "string", "enum": list(get_args(Plan))},
    "upgrade_to": {"type": ["string", "null"], "description": "The plan that lifts the limit."},
    "mailboxes": _COUNT,
    "aliases": _COUNT,
    "aliases_elsewhere": _COUNT,
    "line": {"type": "integer", "minimum": 1, "description": "Of a file that is refused as a whole."},
    "line_code": {**_TEXT, "description": "What is wrong with that line."},
    "catch_all_of": {"type": "array", "items": _TEXT},
    "system_mailbox_of": {"type": "array", "items": _TEXT},
}

PROBLEM: Mapping[str, Any] = MappingProxyType(
    {
        "title": "Problem",
        "description": "What was refused, and why. Further members hold the figures behind it.",
        "type": "object",
        "properties": {**_MEMBERS, **_FIGURES},
        "required": sorted(_MEMBERS),
    }
)
