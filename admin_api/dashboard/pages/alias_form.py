"""The New Alias form: what was typed into it, and whether that would pass, told while one types."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from store.errors import ServiceError
from store.services import aliases, mailboxes
from store.services.names import check_local_part

_ID = re.compile(r"[1-9][0-9]{0,8}")
_EXAMPLE = "sales-team"
KEEPS = ("local_part", "domain_id", "can_receive", "can_send", "note")


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was filled in."""

    local_part: str = ""
    domain_id: str = ""
    can_receive: bool = True
    can_send: bool = False
    note: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Typed":
        """Return what a form, or an address that keeps one, holds."""
        receive, send = fields.get("can_receive") == "on", fields.get("can_send") == "on"
        name, domain, note = (fields.get(field, "") for field in ("local_part", "domain_id", "note"))
        return cls(name, domain, receive, send, note)


def domain_id(text: str) -> int:
    """Return the domain that was chosen. Raises ServiceError ``invalid-request``."""
    if not _ID.fullmatch(text):
        raise ServiceError("invalid-request", "choose a domain", field="domain_id")
    return int(text)


def example(local_part: str, error: ServiceError | None, system_names: frozenset[str]) -> str | None:
    """Return a name close to what was typed that would pass, when it is the name that is wrong."""
    if error is None or error.code != "invalid-local-part":
        return None
    close = re.sub(r"[^a-z0-9._-]+", "-", local_part.strip().partition("@")[0].lower())
    close = re.sub(r"\.{2,}", ".", close)[:64].strip(".-")
    try:
        check_local_part(close, system_names)
    except ServiceError:
        return _EXAMPLE
    return close


def check(visit: Visit, mailbox_id: int) -> Response:
    """Say of a name whether Add Alias would take it now: by the same rules, in the same words."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    name, error, names = visit.typed("local_part"), None, visit.site.system_names
    free = None
    with visit.reading() as tx:
        mailboxes.get(tx, mailbox_id)
        try:
            free = aliases.check(tx, name, domain_id(visit.typed("domain_id")), mailbox_id, system_names=names)
        except ServiceError as refusal:
            error = refusal
    return visit.page(
        "alias_check.html",
        HTTPStatus.OK,  # the question was answered, whatever the answer
        mailbox_id=mailbox_id,
        free=free,
        error=error,
        example=example(name, error, names),
    )


ROUTES = (Route("GET", "/mailboxes/{mailbox_id:id}/aliases/check", check),)
