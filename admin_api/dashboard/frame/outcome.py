"""What a form has done, as the page says that is shown after it."""

import re
from dataclasses import dataclass
from math import ceil

from starlette.responses import Response

from admin_api.dashboard.frame.visit import Query, Visit
from store.errors import ServiceError
from store.unit_of_work.unit import UnitOfWork

_WHAT = re.compile(r"[a-z-]{1,20}")
_ID = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done just before this page, to which object, and whether the mail server knows it."""

    what: str
    id: int | None
    is_live: bool


def go_back(
    visit: Visit, unit: UnitOfWork, path: str, what: str, identity: int | None = None, *, more: Query | None = None
) -> Response:
    """Send the browser to a page that says what was done, once the cache holds it or a second has passed.

    Args:
        unit: that did it, and is committed.
        path: of the page.
        what: a word of lower-case letters, such as ``made``, for the page's template.
        identity: of the object.
        more: what else stands in the address of the page.
    """
    unit.propagation()
    query = {**(more or {}), "done": what, "id": identity, "version": unit.version}
    return visit.go(path, {name: value for name, value in query.items() if value is not None})


def outcome(visit: Visit) -> Outcome | None:
    """Return what this page was opened after, as its address says."""
    what, identity, version = (visit.request.query_params.get(name, "") for name in ("done", "id", "version"))
    if not _WHAT.fullmatch(what):
        return None
    is_live = not _ID.fullmatch(version) or visit.site.wait(int(version)) == "live"
    return Outcome(what, int(identity) if _ID.fullmatch(identity) else None, is_live)


def with_retry(response: Response, error: ServiceError) -> Response:
    """Return a response that says when to come again, where that is known (RFC 9110 section 10.2.3)."""
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(ceil(error.retry_after))
    return response
