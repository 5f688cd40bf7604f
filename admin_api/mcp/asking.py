"""The way to the API: a request of REST in the name of the token that called, in this process or over HTTP."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx2

from admin_api.http.operations import Operation

Json = dict[str, Any]

_ACCOUNT_HEADER, _REQUEST_HEADER = "X-Byname-Account", "X-Request-Id"
_PROPAGATION, _REPLAYED = "Byname-Propagation", "Idempotency-Replayed"
_STATE_KEY = b"byname mcp: state of a confirmation"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is ready to be made."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API answered."""

    document: Json  # empty where there is nothing to say
    propagation: str | None
    is_replayed: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """What the token is, and may do, with all that its scopes imply."""

    kind: str
    scopes: frozenset[str]


class Refused(Exception):
    """The API, or a tool before it, refused. ``problem`` has the members of a problem document of REST."""

    def __init__(self, code: str, detail: str, hint: str | None = None, **more: object) -> None:
        super().__init__(detail)
        self.problem: Json = {"code": code, "message": detail, "hint": hint, "errors": [], "retryable": False, **more}


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a token, and the client by which the API is reached."""

    client: httpx2.AsyncClient
    secret: str
    account: str | None = None  # that an operator's token acts in
    request_id: str | None = None  # for the audit log
    known: Holder | None = None  # where it was learned already

    async def ask(self, asked: Asked) -> Reply:
        """Make a request. Raises Refused for whatever is no success."""
        headers = {"Authorization": f"Bearer {self.secret}", **self._named(), **asked.headers}
        content = None if asked.body is None else canonical(asked.body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = await self.client.request(
                asked.method, asked.path, params=dict(asked.query), content=content, headers=headers
            )
        except httpx2.HTTPError as error:
            hint = "try again in some seconds; a change is safe to repeat with the same arguments"
            detail = f"the API cannot be reached: {type(error).__name__}"
            raise Refused("unavailable", detail, hint, retryable=True) from None
        document = _document(answer)
        if not answer.is_success:
            raise _refused(document, answer.status_code)
        is_replayed = _REPLAYED in answer.headers
        return Reply(document, answer.headers.get(_PROPAGATION), is_replayed)

    async def holder(self) -> Holder:
        """Return what the token may do. Raises Refused, ``unauthenticated`` above all."""
        if self.known is not None:
            return self.known
        me = (await self.ask(Asked("GET", "/api/v1/me"))).document
        return Holder(me["data"]["kind"], frozenset(me["capabilities"]["effective_scopes"]))

    def key_of(self, asked: Asked) -> str:
        """Return an idempotency key for a request: the same for the same request of the same token.

        Keyed with the token's secret, which is kept nowhere: a body may hold a password, and a bare digest of it would
        let whoever reads the database try passwords.
        """
        what = canonical([asked.method, asked.path, dict(asked.query), asked.body, self.account, dict(asked.headers)])
        return "mcp-" + hmac.digest(self.secret.encode(), what, "sha256").hex()

    def state_key(self) -> bytes:
        """Return the key that seals what a client keeps between a question and its answer.

        Made from the token, so that every process of the API can open it, and nobody with another token.
        """
        return hmac.digest(self.secret.encode(), _STATE_KEY, hashlib.sha256)

    def _named(self) -> Json:
        named = {_ACCOUNT_HEADER: self.account, _REQUEST_HEADER: self.request_id}
        return {name: value for name, value in named.items() if value is not None}


def asked_for(operation: Operation, ids: Mapping[str, object], **more: Any) -> Asked:
    """Return the request for an operation on what has these ids."""
    path = operation.path
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
    return Asked(operation.method, path, **more)


def canonical(value: object) -> bytes:
    """Return JSON that is the same for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _document(answer: httpx2.Response) -> Json:
    try:
        found = answer.json() if answer.content else {}
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _refused(problem: Json, status: int) -> Refused:
    if "code" not in problem:
        return Refused("unavailable", f"something that is not Byname's API answered, with status {status}")
    kept = {name: value for name, value in problem.items() if name not in {"type", "title", "detail", "instance"}}
    code, detail, hint = kept.pop("code"), kept.pop("message", ""), kept.pop("hint", None)
    return Refused(code, detail, hint, **kept)
