"""The served description, OpenAPI 3.1: what FastAPI knows of the routes, and what their rules say beside."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from admin_api.http.authentication import ACCOUNT_HEADER
from admin_api.http.error_codes import STATUS, TITLES
from admin_api.http.guard import Rule
from admin_api.http.problems import MEDIA_TYPE, example
from admin_api.http.request_ids import HEADER
from admin_api.rest.description import TAGS, text
from admin_api.rest.links import add_links
from admin_api.rest.schemas.problem import PROBLEM
from admin_api.site import ApiSite
from store.services.scopes import OPERATOR

Json = dict[str, Any]

_EVERYWHERE = (
    "unauthenticated",
    "insufficient-scope",
    "invalid-request",
    "rate-limited",
    "internal-error",
    "unavailable",
)
_WITH_BODY = ("payload-too-large", "unsupported-media-type")
_CHANGES = ("account-suspended", "request-in-progress", "idempotency-key-reused")
_SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "prefix, 30 characters of base62, 6 of checksum",
        "description": "A token made by `byname token create` or `POST /api/v1/tokens`. The scopes that a route needs"
        " stand beside it.",
    }
}
_REQUEST_ID: Json = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Names the request in logs and in the audit log. Echoed if it is at most 128 of A-Z a-z 0-9"
    " . _ : / + = @ -, else replaced.",
    "schema": {"type": "string"},
    "example": "order-4711",
}
_ACCOUNT: Json = {
    "name": ACCOUNT_HEADER,
    "in": "header",
    "required": False,
    "description": "The account to act in, for operators' tokens. An account's token may name its own account only.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
}
_HEADERS: dict[str, Json] = {
    HEADER: {"description": "The request's id.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}},
    "Byname-Propagation": {
        "description": "live: the mail servers act by the change; pending: they will soon. Not in a replayed answer.",
        "schema": {"type": "string", "enum": ["live", "pending"]},
    },
    "Idempotency-Replayed": {
        "description": "true: this is the answer to the first request with the key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}


_HEADERS_OF = {
    401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 409: ("Retry-After",), 429: ("Retry-After",),
    503: ("Retry-After",),
}  # fmt: skip


def describe(app: FastAPI, site: ApiSite, rules: Mapping[tuple[str, str], Rule]) -> Json:
    """Return the OpenAPI document of ``app``. ``rules`` are by path and method; what has none needs no token."""
    document = get_openapi(
        title=app.title,
        summary=app.summary,
        description=text(site),
        version=app.version,
        openapi_version="3.1.0",
        routes=app.routes,
        tags=TAGS,
        servers=[{"url": site.base_url.rstrip("/") if site.base_url else "/"}],
    )
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = dict(PROBLEM)
    parts["securitySchemes"], parts["headers"] = _SECURITY, _HEADERS
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation, rules.get((path, method)))
    add_links(document["paths"])
    return document


def _complete(operation: Json, rule: Rule | None) -> None:
    """Add to one operation what its rule says."""
    if rule is not None:
        operation["security"] = [{"token": list(scopes)} for scopes in _alternatives(rule)]
        if rule.kinds != {OPERATOR}:
            operation.setdefault("parameters", []).append(_ACCOUNT)
        operation["description"] = f"{operation.get('description', '')}\n\n{_who(rule)}".strip()
        for code in _codes(operation, rule):
            _add_refusal(operation["responses"], code)
    operation.setdefault("parameters", []).append(_REQUEST_ID)
    for status, response in operation["responses"].items():
        _add_headers(response, int(status), rule)


def _alternatives(rule: Rule) -> list[tuple[str, ...]]:
    """Return the sets of scopes of which one will do."""
    return list(dict.fromkeys(rule.scopes_of(kind) for kind in sorted(rule.kinds)))


def _who(rule: Rule) -> str:
    wanted = [
        (" or ".join(kind for kind in sorted(rule.kinds) if rule.scopes_of(kind) == scopes), scopes)
        for scopes in _alternatives(rule)
    ]
    return f"Token: {'; '.join(kinds + _scopes_text(scopes) for kinds, scopes in wanted)}."


def _scopes_text(scopes: tuple[str, ...]) -> str:
    return f", scope {' and '.join(f'`{scope}`' for scope in scopes)}" if scopes else ""


def _codes(operation: Json, rule: Rule) -> tuple[str, ...]:
    """Return the codes of all errors that an operation may answer with."""
    has_body = "requestBody" in operation
    wide = (*_EVERYWHERE, "not-found")  # the account that a header names
    return (*wide, *(_WITH_BODY if has_body else ()), *(_CHANGES if rule.is_change else ()), *rule.codes)


def _add_refusal(responses: Json, code: str) -> None:
    """Declare one code. FastAPI's own 422 goes: ours has another shape."""
    status = str(STATUS[code])
    if status == "422" and MEDIA_TYPE not in responses.get("422", {}).get("content", {}):
        responses.pop("422", None)
    response = responses.setdefault(status, {"description": "", "content": {}})
    content = response["content"].setdefault(
        MEDIA_TYPE, {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
    )
    content["examples"][code] = {"summary": TITLES[code], "value": example(code)}
    response["description"] = ", ".join(f"`{name}`" for name in content["examples"])


def _add_headers(response: Json, status: int, rule: Rule | None) -> None:
    names = [HEADER, *_HEADERS_OF.get(status, ())]
    if rule is not None and rule.is_change and status < 300:
        names += ["Byname-Propagation", "Idempotency-Replayed"]
    for name in names:
        response.setdefault("headers", {})[name] = {"$ref": f"#/components/headers/{name}"}
