"""SimpleLogin: ``POST /api/alias/random/new`` with the token alone in the header ``Authentication``.

Bitwarden and Keyguard read ``alias`` at the top of the answer (other clients ``email``), and ``error`` of a refusal
(400 for all that the user can do something about).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import QueryParams
from starlette.requests import Request

from admin_api.http.error_codes import STATUS
from admin_api.http.problems import Refusal
from admin_api.password_managers.wire import Json, Wanted, note_of, sentence, title
from store.services.random_names import UUID, WORDS
from store.services.views import Alias

_MODES = {"word": WORDS, "uuid": UUID}
_AS_IT_IS = frozenset({"unauthenticated", "insufficient-scope", "account-suspended"})


class SimpleLogin:
    """SimpleLogin's interface."""

    path = "/api/alias/random/new"

    def secret(self, request: Request) -> str:
        """Return what the header ``Authentication`` holds. Raises Refusal ``unauthenticated``."""
        shown = request.headers.getlist("Authentication")
        if len(shown) != 1 or not shown[0].strip():
            raise Refusal("unauthenticated", "there is no token", "send the header: Authentication: TOKEN")
        return shown[0].strip()

    def wanted(self, query: QueryParams, body: Mapping[str, Any]) -> Wanted:
        """Return what query and body ask for. Raises Refusal ``invalid-request``."""
        mode = query.get("mode", "word")
        if mode not in _MODES:
            raise Refusal("invalid-request", f"mode must be {' or '.join(_MODES)}")
        note = note_of(body.get("note"), "note")
        return Wanted(style=_MODES[mode], note=note or note_of(_host(query.get("hostname")), "hostname"))

    def answer(self, made: Alias) -> Json:
        """Return the alias as SimpleLogin shows it, under both of its names."""
        return {
            "id": made.id,
            "alias": made.address,
            "email": made.address,
            "enabled": made.is_active,
            "note": made.note,
            "creation_date": f"{made.created_at:%Y-%m-%d %H:%M:%S+00:00}",
            "creation_timestamp": int(made.created_at.timestamp()),
        }

    def status(self, refusal: Refusal) -> int:
        """Return the status: 400 for what the user can do something about."""
        status = STATUS[refusal.code]
        return status if refusal.code in _AS_IT_IS or not _is_the_users(status) else int(HTTPStatus.BAD_REQUEST)

    def told(self, refusal: Refusal) -> Json:
        """Return the whole sentence as ``error``; its kind as ``message``."""
        return {"error": sentence(refusal.detail), "message": title(refusal)}


def _is_the_users(status: int) -> bool:
    return status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS


def _host(given: str | None) -> str | None:
    """Return the host of what may be a whole URL; what cannot be read stays as it is."""
    if given is None:
        return None
    try:
        return urlsplit(given).hostname or given
    except ValueError:
        return given
