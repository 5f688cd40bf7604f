"""The two ways to the store: a route gets one of them, and cannot open a transaction otherwise.

Each knows who calls and within which account; a change holds its idempotency key and waits for the cache.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hmac import digest
from typing import Annotated

from fastapi import Depends, Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from admin_api.auth import Caller, bearer
from admin_api.schemas.common import Secretive
from admin_api.site import ApiSite
from store.services import idempotency
from store.sql.database import Transaction
from store.sql.outbox import version_of

PROPAGATION = "Byname-Propagation"
REPLAYED = "Idempotency-Replayed"
JSON_TYPE = "application/json"

_CREATED, _NO_CONTENT = 201, 204


@dataclass(frozen=True, slots=True)
class _Work:
    """A call: whose it is, and where."""

    site: ApiSite
    caller: Caller


@dataclass(frozen=True, slots=True)
class Reading(_Work):
    """The way for questions."""

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a read-only transaction that sees what the caller may see."""
        with self.site.database.read(self.caller.acting) as tx:
            yield tx

    def answer(self, ask: Callable[[Transaction], BaseModel]) -> Response:
        """Answer with what ``ask`` returns, read in one transaction."""
        with self.transaction() as tx:
            found = ask(tx)
        return respond(found, 200)


@dataclass(frozen=True, slots=True)
class Changing(_Work):
    """The way for changes."""

    key: str | None  # of idempotency
    fingerprint: str  # of the request

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction that may change what is the caller's."""
        with self.site.database.write(self.caller.acting) as tx:
            yield tx

    def create(self, work: Callable[[Transaction], BaseModel]) -> Response:
        """Do ``work`` in one transaction and answer 201."""
        return self.change(work, _CREATED)

    def remove(self, work: Callable[[Transaction], object]) -> Response:
        """Do ``work`` in one transaction and answer 204."""

        def quietly(tx: Transaction) -> None:
            work(tx)

        return self.change(quietly, _NO_CONTENT)

    def change(self, work: Callable[[Transaction], BaseModel | None], status: int = 200) -> Response:
        """Do ``work`` in one transaction, once for each idempotency key, wait for the cache, and answer.

        The key's row is the first statement of that transaction, so that whatever ``work`` does is done with it or not
        at all, and its answer is kept without secrets.

        Raises:
            ServiceError: what ``work`` refuses; ``idempotency-key-reused``, ``request-in-progress``.
            StoreUnavailable: nothing was written.
        """
        with self.site.turns.turn(self.caller.token.id, self.key), self.transaction() as tx:
            begun = self._begin(tx)
            if isinstance(begun, idempotency.Replay):
                return _replay(begun)
            done = work(tx)
            if begun is not None:
                idempotency.finish(tx, begun.id, status, _kept(done))
        response = respond(done, status)
        response.headers[PROPAGATION] = self.site.wait(version_of(tx))
        return response

    def _begin(self, tx: Transaction) -> idempotency.Replay | idempotency.Fresh | None:
        if self.key is None:
            return None
        return idempotency.begin(tx, self.caller.token.id, self.key, self.fingerprint)


IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="Makes the request safe to repeat for 24 hours: a repeat with the same key gets the first answer."
        " A UUID for each request does well.",
    ),
]


async def _reading(request: Request) -> Reading:  # async, as what follows: else it takes a thread for nothing
    return Reading(request.app.state.site, request.state.caller)


async def _changing(request: Request, idempotency_key: IdempotencyKey = "") -> Changing:
    caller: Caller = request.state.caller
    body = b"" if not hasattr(request, "_body") else await request.body()
    return Changing(request.app.state.site, caller, idempotency_key or None, fingerprint(request, caller, body))


Read = Annotated[Reading, Depends(_reading)]
Change = Annotated[Changing, Depends(_changing)]


def fingerprint(request: Request, caller: Caller, body: bytes) -> str:
    """Return what tells one request from another: method, path, query, account and body.

    Keyed with the token's secret, which is kept nowhere: a body may hold a password, and a bare digest of it would let
    whoever reads the database try passwords.
    """
    asked = f"{request.method} {request.url.path}?{request.url.query} {caller.acting.account_id}\n"
    return digest(bearer(request).encode(), asked.encode() + body, "sha256").hex()


def respond(model: BaseModel | None, status: int = 200) -> Response:
    """Return the answer that holds ``model``; without one an empty answer."""
    if model is None:
        return Response(status_code=status)
    return Response(model.model_dump_json(), status, media_type=JSON_TYPE)


def _kept(model: BaseModel | None) -> str | None:
    """Return the answer as it may be kept: without secrets."""
    if model is None:
        return None
    return (model.without_secrets() if isinstance(model, Secretive) else model).model_dump_json()


def _replay(replay: idempotency.Replay) -> Response:
    kind = None if replay.body is None else JSON_TYPE
    return Response(replay.body, replay.status, {REPLAYED: "true"}, kind)
