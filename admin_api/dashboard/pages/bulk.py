"""``/bulk``: many aliases at once from a file, checked first and then applied; and all of them as a file."""

import time
from http import HTTPStatus
from io import BytesIO

from starlette.responses import Response, StreamingResponse

from admin_api.dashboard.frame.browser import HEADERS
from admin_api.dashboard.frame.outcome import Outcome
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.http.threads import in_loop
from store.batches import batches
from store.errors import ServiceError
from store.services.export import export as export_lines
from store.services.importing import kept
from store.services.importing.chunks import Import
from store.services.importing.work import READERS, work
from store.transfer.csv_file import COLUMNS, check_head
from store.transfer.csv_head import UnusableHead

LARGEST = 16_000_000  # bytes of a form; what is longer goes over the API, piece by piece
_SHOWN_AGAIN = 1_000_000  # bytes of a text that is put into the page again
_RECENT = 8
_LINES_AT_ONCE = 500
_PATIENCE, _LOOK = 1.5, 0.05  # seconds: a short file is done before the page that shows it
_ACTIONS = {"check": kept.CHECKING, "apply": kept.APPLYING}


def show_form(visit: Visit) -> Response:
    """Show the form, and what was brought in lately."""
    again = visit.request.query_params.get("from", "")
    text, source = "", visit.request.query_params.get("source", "csv")
    if again.isascii() and again.isdigit() and len(again) < 10:
        with visit.reading() as tx:
            text, source = kept.text(tx, int(again), _SHOWN_AGAIN) or "", kept.get(tx, int(again)).source
    return _form(visit, text, source)


def check(visit: Visit) -> Response:
    """Take a text or a file, and check it: nothing is changed by that."""
    visit.require(visit.rights.administer)
    source, text = visit.form.get("source", ""), visit.form.get("file", "") or visit.form.get("text", "")
    try:
        body = _body(text, source)
        with visit.changing().begin() as tx:
            import_id = kept.keep(tx, source, body)
        _start(visit, import_id)
    except ServiceError as error:
        return _form(visit, text, source, error)
    return visit.go(f"/bulk/{import_id}")


def show_import(visit: Visit, import_id: int) -> Response:
    """Show what a file would do, or did, or how far it has come."""
    with visit.reading() as tx:
        found = kept.get(tx, import_id)
    done = None
    if found.state == kept.APPLIED:
        done = Outcome("applied", None, visit.site.wait(found.version) == "live")
    words = _WORDS[found.state in {kept.APPLYING, kept.APPLIED}]
    return visit.page("bulk_import.html", found=found, done=done, words=words)


def act(visit: Visit, import_id: int) -> Response:
    """Apply a file that was checked, or check it again. Pressed twice, it goes on as before."""
    visit.require(visit.rights.administer)
    state = _ACTIONS.get(visit.form.get("action", ""))
    if state is None:
        raise ServiceError("invalid-request", "there is no such button")
    with visit.changing().begin() as tx:
        is_to_do = kept.begin(tx, import_id, state)
    if is_to_do:
        _start(visit, import_id)
    return visit.go(f"/bulk/{import_id}")


def download(visit: Visit) -> Response:
    """Send all aliases as CSV that an import takes back without changing anything."""
    lines = export_lines(visit.site.database, visit.changing().acting)
    text = ("".join(some) for some in batches(lines, _LINES_AT_ONCE))
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="aliases.csv"'}
    return StreamingResponse(text, headers=headers, media_type="text/csv; charset=utf-8")


_WORDS = {
    False: {"created": "to be made", "updated": "to be changed", "unchanged": "unchanged", "failed": "refused"},
    True: {"created": "made", "updated": "changed", "unchanged": "unchanged", "failed": "refused"},
}


def _form(visit: Visit, text: str, source: str, error: ServiceError | None = None) -> Response:
    with visit.reading() as tx:
        recent = kept.recent(tx, _RECENT)
    return visit.page(
        "bulk.html",
        HTTPStatus.OK if error is None else error.status,
        text=text if len(text) <= _SHOWN_AGAIN else "",
        source=source if source in READERS else "csv",
        columns=",".join(COLUMNS),
        recent=recent,
        error=error,
    )


def _body(text: str, source: str) -> bytes:
    """Return the bytes of a file; of one that no line could be understood, refuse it at once.

    Raises:
        ServiceError: ``invalid-request``.
    """
    if source not in READERS:
        raise ServiceError("invalid-request", "choose what the text is", field="source")
    if not text.strip():
        raise ServiceError(
            "invalid-request", "there is nothing to check: paste some lines or choose a file", field="text"
        )
    # What stood there in place of U+FFFD was no UTF-8: the reader is to say so of that line.
    body = text.encode("utf-8", "replace").replace("\ufffd".encode(), b"\xff")
    if source == "csv":
        try:
            check_head(BytesIO(body))
        except UnusableHead as refusal:
            raise ServiceError("invalid-request", refusal.message, field="text") from None
    return body


def _start(visit: Visit, import_id: int) -> None:
    """Begin the work, which goes on without this request, and wait a moment for it.

    Raises:
        ServiceError: ``rate-limited``.
    """
    person, site = visit.person, visit.site
    how = Import(site.database, visit.changing().acting, site.system_names)
    account = person.account_id or -(2**31) - (person.admin_id or 0)
    in_loop(site.import_limit.start, account, lambda: work(how, import_id))
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        time.sleep(_LOOK)
        with visit.reading() as tx:
            if not kept.get(tx, import_id).is_under_way:
                return


_ONE = "/bulk/{import_id:id}"
ROUTES = (
    Route("GET", "/bulk", show_form, "admins"),
    Route("POST", "/bulk", check, "admins", home="/bulk", keeps=("source",), largest_form=LARGEST),
    Route("GET", "/bulk/aliases.csv", download, "admins"),
    Route("GET", _ONE, show_import, "admins"),
    Route("POST", _ONE, act, "admins", home="/bulk/{import_id}"),
)
