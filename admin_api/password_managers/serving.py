"""One request of a password manager: who asks, whether they may, the alias, the answer.

The order is that of the API: 401, 429, 403, then what is wrong with the request itself. Idempotency keys hold too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from admin_api.http.bodies import read_body, read_json
from admin_api.http.changes import IDEMPOTENCY_KEY, PROPAGATION, REPLAYED, fingerprint
from admin_api.http.guard import limit_rate
from admin_api.http.problems import Refusal, from_service
from admin_api.http.threads import in_thread
from admin_api.password_managers.wire import Json, Wanted, Wire
from admin_api.site import ApiSite
from store.errors import ServiceError, StoreNotReady, StoreUnavailable
from store.services import aliases, random_aliases
from store.services.scopes import MESSAGE
from store.services.views import Alias
from store.sql.database import Transaction
from store.unit_of_work.caller import Caller, find_caller
from store.unit_of_work.unit import AlreadyAnswered, Answer, Repeatable, UnitOfWork

SCOPE = "aliases:write"
FROM_ANYWHERE = {"Access-Control-Allow-Origin": "*"}  # some run in a browser; nothing here goes by cookies
_PREFLIGHT = FROM_ANYWHERE | {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Authorization, Authentication, Content-Type, X-Requested-With, Idempotency-Key",
    "Access-Control-Max-Age": "86400",
}
_LARGEST_BODY = 100_000  # bytes; a note and a domain need less
_LONGEST_KEY = 255
_PAUSE = 5.0  # seconds, while the database is away


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request whose sender may ask."""

    site: ApiSite
    caller: Caller
    repeatable: Repeatable | None
    wanted: Wanted


async def serve(wire: Wire, request: Request) -> Response:
    """Answer a request."""
    if request.method == "OPTIONS":
        return Response(status_code=int(HTTPStatus.NO_CONTENT), headers=_PREFLIGHT)
    try:
        return await in_thread(_make, wire, await _asked(wire, request))
    except AlreadyAnswered as error:
        return _json(error.answer.body or "", error.answer.status, {REPLAYED: "true"})
    except ServiceError as error:
        return _refused(wire, request, from_service(error, request.method))
    except Refusal as error:
        return _refused(wire, request, error)
    except (StoreUnavailable, StoreNotReady):
        away = Refusal("unavailable", "the server cannot make an address now; try again", retry_after=_PAUSE)
        return _refused(wire, request, away)


async def _asked(wire: Wire, request: Request) -> _Asked:
    site: ApiSite = request.app.state.site
    secret = wire.secret(request)
    caller = await in_thread(find_caller, site.database, secret, request.state.request_id)
    if caller is None:
        raise Refusal("unauthenticated", "the token is unknown, malformed or expired")
    request.state.caller = caller
    limit_rate(site, caller)
    _admit(caller)
    await read_body(request, _LARGEST_BODY)
    await read_json(request)
    body = await request.body()
    wanted = wire.wanted(request.query_params, _members(await request.json() if body else {}))
    return _Asked(site, caller, _repeatable(request, caller, secret, body), wanted)


def _admit(caller: Caller) -> None:
    """Refuse any token but one of a mailbox with the scope. Raises Refusal, ServiceError ``account-suspended``."""
    if caller.token.kind != MESSAGE:
        raise Refusal("insufficient-scope", "this needs the token of a mailbox")
    if SCOPE not in caller.scopes:
        raise Refusal("insufficient-scope", f"the token lacks the scope {SCOPE}")
    if caller.is_suspended:
        raise ServiceError("account-suspended", "the account is suspended: its tokens change nothing")


def _members(body: object) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise Refusal("invalid-request", "the body must be a JSON object")
    return body


def _repeatable(request: Request, caller: Caller, secret: str, body: bytes) -> Repeatable | None:
    keys = request.headers.getlist(IDEMPOTENCY_KEY)
    if not keys:
        return None
    (key, *more) = keys
    if more or not (1 <= len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable() and " " not in key):
        raise Refusal("invalid-request", f"{IDEMPOTENCY_KEY} must be 1 to {_LONGEST_KEY} printable characters, once")
    return Repeatable(caller.token.id, key, fingerprint(request, caller, secret, body))


def _make(wire: Wire, asked: _Asked) -> Response:
    site, caller = asked.site, asked.caller
    unit = UnitOfWork(site.database, caller.acting, site.wait, site.idempotency_lock, asked.repeatable)
    with unit.begin() as tx:
        body = json.dumps(wire.answer(_made(tx, asked)))
        unit.answer = Answer(int(HTTPStatus.CREATED), body)
    return _json(body, int(HTTPStatus.CREATED), {PROPAGATION: unit.propagation()})


def _made(tx: Transaction, asked: _Asked) -> Alias:
    wanted, names = asked.wanted, asked.site.system_names
    mailbox = asked.caller.token.mailbox_id or 0
    if wanted.local_part is None:
        return random_aliases.create(
            tx, mailbox, wanted.style, domain=wanted.domain, note=wanted.note, system_names=names
        )
    home = wanted.domain or random_aliases.default_domain(tx, mailbox)
    return aliases.create(tx, wanted.local_part, home, mailbox, note=wanted.note, system_names=names)


def _refused(wire: Wire, request: Request, refusal: Refusal) -> Response:
    more = {"code": refusal.code, "hint": refusal.hint, "request_id": request.state.request_id}
    headers = dict(refusal.headers)
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, ceil(refusal.retry_after)))
    members: Json = wire.told(refusal) | more
    return _json(json.dumps(members), wire.status(refusal), headers)


def _json(body: str, status: int, headers: Mapping[str, str]) -> Response:
    return Response(body, status, FROM_ANYWHERE | dict(headers), "application/json")
