"""addy.io: ``POST /api/v1/aliases`` with a bearer token.

Bitwarden and Keyguard read ``data.email`` of the answer, and ``message`` of a refusal; where ``error`` is there too,
Bitwarden shows both, ``error`` first.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from admin_api.http.authentication import bearer
from admin_api.http.error_codes import STATUS
from admin_api.http.problems import Refusal
from admin_api.password_managers.wire import Json, Wanted, note_of, sentence, title
from store.services.random_names import CHARACTERS, UUID, WORDS
from store.services.views import Alias

CUSTOM = "custom"
_STYLES = {"random_words": WORDS, "uuid": UUID, "random_characters": CHARACTERS}
_ANY_DOMAIN = ("", "random")


class Addy:
    """addy.io's interface."""

    path = "/api/v1/aliases"

    def secret(self, request: Request) -> str:
        """Return the bearer token. Raises Refusal ``unauthenticated``."""
        return bearer(request)

    def wanted(self, query: QueryParams, body: Mapping[str, Any]) -> Wanted:  # noqa: ARG002 - of the protocol
        """Return what the body asks for. Raises Refusal ``invalid-request``."""
        style = body.get("format")
        if style is not None and style != CUSTOM and (not isinstance(style, str) or style not in _STYLES):
            raise Refusal("invalid-request", f"format must be one of {', '.join((*_STYLES, CUSTOM))}")
        return Wanted(
            style=WORDS if style is None or style == CUSTOM else _STYLES[style],
            local_part=_text(body, "local_part") if style == CUSTOM else None,
            domain=_domain(body.get("domain")),
            note=note_of(body.get("description"), "description"),
        )

    def answer(self, made: Alias) -> Json:
        """Return the alias as addy.io shows it; its ids are text."""
        return {
            "data": {
                "id": str(made.id),
                "local_part": made.local_part,
                "domain": made.domain,
                "email": made.address,
                "active": made.is_active,
                "description": made.note,
                "created_at": f"{made.created_at:%Y-%m-%d %H:%M:%S}",
                "updated_at": f"{made.updated_at:%Y-%m-%d %H:%M:%S}",
            }
        }

    def status(self, refusal: Refusal) -> int:
        """Return the status; a domain that is not the account's is forbidden there, not missing."""
        forbidden = refusal.code in {"domain-not-yours", "insufficient-scope"}
        return int(HTTPStatus.FORBIDDEN) if forbidden else STATUS[refusal.code]

    def told(self, refusal: Refusal) -> Json:
        """Return the whole sentence as ``message``, its kind as ``error``."""
        return {"message": sentence(refusal.detail), "error": title(refusal)}


def _domain(given: object) -> str | None:
    if given is None or given in _ANY_DOMAIN:
        return None
    if not isinstance(given, str):
        raise Refusal("invalid-request", "domain must be text")
    return given


def _text(body: Mapping[str, Any], field: str) -> str:
    given = body.get(field)
    if not isinstance(given, str):
        raise Refusal("invalid-request", f"the format {CUSTOM} needs {field}")
    return given
