"""One call of the REST API: who makes it, and its way to the store. A route cannot open a transaction otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from admin_api.http import changes
from admin_api.http.authentication import bearer
from admin_api.http.changes import PROPAGATION, REPLAYED
from admin_api.http.models import WithSecrets
from admin_api.site import ApiSite
from store.sql.database import Transaction
from store.unit_of_work.caller import Caller
from store.unit_of_work.unit import AlreadyAnswered, Answer, Repeatable, UnitOfWork

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class ReadCall:
    """A call that reads."""

    site: ApiSite
    caller: Caller

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Open a read-only transaction that sees what the caller may see."""
        with self.site.database.read(self.caller.acting) as tx:
            yield tx


@dataclass(slots=True)
class ChangeCall:
    """A call that changes something, once for each idempotency key. It answers 204 without :meth:`answer`.

    Use::

        with call.begin() as tx:
            made = aliases.create(tx, ...)
            call.answer(Answer[Alias](data=Alias.of(made)), 201)
        return call.response()
    """

    site: ApiSite
    caller: Caller
    unit: UnitOfWork
    _body: str | None = None
    _status: int = 204

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Open the one transaction of the call; see :meth:`store.unit_of_work.unit.UnitOfWork.begin`."""
        with self.unit.begin() as tx:
            yield tx

    def answer(self, model: BaseModel, status: int = 200) -> None:
        """Answer with ``model``. To be called within :meth:`begin`: the answer is kept with the idempotency key."""
        self._body, self._status = model.model_dump_json(), status
        kept = model.without_secrets().model_dump_json() if isinstance(model, WithSecrets) else self._body
        self.unit.answer = Answer(status, kept)

    def answer_text(self, body: str, status: int = 200) -> None:
        """Answer with JSON that holds no secrets, as :meth:`answer`."""
        self._body, self._status = body, status
        self.unit.answer = Answer(status, body)

    def response(self) -> Response:
        """Return the answer, once the cache holds the change or a second has passed."""
        response = _response(self._body, self._status)
        response.headers[PROPAGATION] = self.unit.propagation()
        return response


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


async def _read_call(request: Request) -> ReadCall:  # async, as what follows: else it takes a thread for nothing
    return ReadCall(request.app.state.site, request.state.caller)


async def _change_call(request: Request, idempotency_key: IdempotencyKey = "") -> ChangeCall:
    site: ApiSite = request.app.state.site
    caller: Caller = request.state.caller
    repeatable = None
    if idempotency_key:
        body = b"" if not hasattr(request, "_body") else await request.body()
        repeatable = Repeatable(caller.token.id, idempotency_key, fingerprint(request, caller, body))
    unit = UnitOfWork(site.database, caller.acting, site.wait, site.idempotency_lock, repeatable)
    return ChangeCall(site, caller, unit)


async def _repeatable_change_call(request: Request, idempotency_key: IdempotencyKey) -> ChangeCall:
    return await _change_call(request, idempotency_key)


Read = Annotated[ReadCall, Depends(_read_call)]
Change = Annotated[ChangeCall, Depends(_change_call)]
RepeatableChange = Annotated[ChangeCall, Depends(_repeatable_change_call)]  # the key must be given


def fingerprint(request: Request, caller: Caller, body: bytes) -> str:
    """Return a digest that identifies a request; see :func:`admin_api.http.changes.fingerprint`."""
    return changes.fingerprint(request, caller, bearer(request), body)


def respond(model: BaseModel | None, status: int = 200) -> Response:
    """Return the answer that holds ``model``; without one an empty answer."""
    return _response(None if model is None else model.model_dump_json(), status)


def _response(body: str | None, status: int) -> Response:
    return Response(status_code=status) if body is None else Response(body, status, media_type=JSON_TYPE)


def replayed(error: AlreadyAnswered) -> Response:
    """Return the answer that the first request with this idempotency key got."""
    answer = error.answer
    kind = None if answer.body is None else JSON_TYPE
    return Response(answer.body, answer.status, {REPLAYED: "true"}, kind)
