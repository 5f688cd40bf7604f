"""Refusals as RFC 9457 problem documents, with the extension members of docs/api.md, "Errors"."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from admin_api.http.error_codes import RETRYABLE, STATUS, TITLES
from store.errors import ServiceError

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:byname:problem:"
_MOST_FLAWS = 100  # shown of one request; a body can hold a hundred thousand
_RETRY_AFTER = {"request-in-progress": 1.0, "unavailable": 5.0}  # seconds
_MEMBERS = frozenset(  # that details may not overwrite
    {
        "type", "title", "status", "detail", "instance", "code", "message", "hint", "request_id", "retryable", "errors",
        "retry_after", "reason",
    }
)  # fmt: skip
_REASON = {"feature-not-available": "feature_not_available"}  # what clients of the public API test, beside the code


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong, and where: a JSON pointer into the body, or ``/query/page``, ``/header/...``."""

    pointer: str
    detail: str


@dataclass(eq=False)
class Refusal(Exception):
    """What HTTP refuses, before or beside services. ``code`` is one of :data:`admin_api.http.error_codes.STATUS`."""

    code: str
    detail: str
    hint: str | None = None
    flaws: Sequence[Flaw] = ()
    retry_after: float | None = None  # seconds
    headers: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, object] = field(default_factory=dict)


def from_service(error: ServiceError, method: str) -> Refusal:
    """Return what a service refused, as HTTP shows it. What a GET gives stands in its query."""
    place = "/query/" if method == "GET" else "/"
    flaws = []
    if error.field is not None and error.code != "not-found":  # what is not there was named by the path
        flaws = [Flaw(place + error.field, error.message)]
    return Refusal(error.code, error.message, error.hint, flaws, error.retry_after, details=error.details)


def from_validation(error: RequestValidationError) -> Refusal:
    """Return why a request does not fit its schema: its first flaws. No value that was sent is repeated."""
    found = error.errors()[:_MOST_FLAWS]
    flaws = [Flaw(_pointer(one, error.body), _message(one)) for one in found]
    detail = "the request does not fit its description: " + "; ".join(
        f"{one.pointer}: {one.detail}" for one in flaws[:3]
    )
    return Refusal("invalid-request", detail, flaws=flaws)


def respond(request: Request, refusal: Refusal) -> Response:
    """Return the problem document of ``refusal``."""
    status = STATUS[refusal.code]
    headers = dict(refusal.headers)
    document = _document(request, refusal, status)
    after = refusal.retry_after or _RETRY_AFTER.get(refusal.code)
    if after is not None:
        document["retry_after"] = max(1, ceil(after))
        headers["Retry-After"] = str(document["retry_after"])
    body = json.dumps(document, default=str)
    return Response(body, status, headers, MEDIA_TYPE)


def example(code: str) -> dict[str, object]:
    """Return a problem document as the OpenAPI shows it."""
    status = STATUS[code]
    return {
        "type": _TYPE + code,
        "title": TITLES[code],
        "status": status,
        "detail": TITLES[code],
        "instance": "/api/v1/mailboxes/7/aliases",
        "code": code,
        "message": TITLES[code],
        "hint": None,
        "request_id": "0f8fad5bd9cb469fa16570867728950e",
        "retryable": code in RETRYABLE,
        "errors": [],
        **({"retry_after": 1} if code in RETRYABLE else {}),
        **_reason(code),
        **_EXAMPLE_DETAILS.get(code, {}),
    }


def of_status(status: int) -> Refusal:
    """Return the refusal for what the framework refused with a bare status."""
    if status == HTTPStatus.NOT_FOUND:
        return Refusal("not-found", "there is nothing at this path", hint="see /api/v1/docs for what there is")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return Refusal("method-not-allowed", "this path does not know the method")
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Refusal("payload-too-large", "the body is too large")
    return Refusal("invalid-request", "the body cannot be read as JSON in UTF-8")


def _document(request: Request, refusal: Refusal, status: int) -> dict[str, object]:
    return {
        "type": _TYPE + refusal.code,
        "title": TITLES[refusal.code],
        "status": status,
        "detail": refusal.detail,
        "instance": request.scope["path"],
        "code": refusal.code,
        "message": refusal.detail,
        "hint": refusal.hint,
        "request_id": request.state.request_id,
        "retryable": refusal.code in RETRYABLE,
        "errors": [{"pointer": one.pointer, "detail": one.detail} for one in refusal.flaws],
        **_reason(refusal.code),
        **{name: value for name, value in refusal.details.items() if name not in _MEMBERS},
    }


def _reason(code: str) -> dict[str, object]:
    return {"reason": _REASON[code]} if code in _REASON else {}


def _pointer(found: Mapping[str, Any], body: Any) -> str:
    """Return the JSON pointer (RFC 6901) of what pydantic points at; a body's pointer starts at its root."""
    place, *path = found["loc"]
    names = _in_body(path, body, is_missing=found["type"] == "missing") if place == "body" else (place, *path[:1])
    return "".join("/" + str(name).replace("~", "~0").replace("/", "~1") for name in names)


def _in_body(path: Sequence[int | str], body: Any, *, is_missing: bool) -> Iterator[int | str]:
    """Leave out what pydantic adds of its own (kinds of items, validators): there is no such name in the body."""
    for name in path[:-1] if is_missing else path:
        try:
            body = body[name]
        except (KeyError, IndexError, TypeError):
            continue
        yield name
    if is_missing:
        yield from path[-1:]


def _message(found: Mapping[str, Any]) -> str:
    """Return what is wrong, in pydantic's message where it holds the rule, and neither the value nor a name of ours."""
    ours = _WORDS.get(found["type"])
    return ours or str(found["msg"]).removeprefix("Value error, ")


_WORDS = {
    "json_invalid": "this is not JSON",
    "extra_forbidden": "there is no such field",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
}

_EXAMPLE_DETAILS: dict[str, dict[str, object]] = {
    "invalid-local-part": {
        "errors": [{"pointer": "/local_part", "detail": "invalid name before the @: spaces are not allowed"}]
    },
    "address-kept": {"kept_name_id": 12, "kept_until": "2027-01-31T09:00:00Z"},
    "alias-limit-reached": {"used": 30, "limit": 30, "plan": "starter", "upgrade_to": "pro"},
    "trial-limit-reached": {"used": 5, "limit": 5, "plan": "starter", "upgrade_to": None},
    "feature-not-available": {"used": 0, "limit": 0, "plan": "nano", "upgrade_to": "starter"},
    "domain-not-empty": {"mailboxes": 2, "aliases": 5, "aliases_elsewhere": 1},
}
