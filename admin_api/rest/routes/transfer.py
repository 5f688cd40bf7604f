"""``POST /aliases:import`` and ``GET /aliases:export``: aliases as CSV."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from admin_api.http.changes import PROPAGATION, REPLAYED
from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer
from admin_api.http.problems import Flaw, Refusal
from admin_api.http.uploads import Upload, Uploaded
from admin_api.rest.calls import JSON_TYPE, Change, ChangeCall, Read, fingerprint
from admin_api.rest.schemas.transfer import ImportReport
from store.batches import batches
from store.services.export import export
from store.services.importing import progress
from store.services.importing.chunks import Import
from store.services.importing.run import Finished, complete
from store.transfer.csv_file import COLUMNS, check_head, read_csv
from store.transfer.csv_head import UnusableHead
from store.transfer.lines import MOST_LINES, at_most
from store.transfer.report import Report

router = APIRouter(route_class=GuardedRoute, tags=["aliases"])

CSV = "text/csv"
_LINES_AT_ONCE = 500  # in a piece of the export; each costs a change of threads
_EXAMPLE = f"{','.join(COLUMNS)}\nsales@brand-b.com,john@brand-a.com,true,false,true,for the shop\n"
_TEXT: dict[str, Any] = {"schema": {"type": "string"}, "example": _EXAMPLE}
_TAKES = {"requestBody": {"required": True, "content": {CSV: _TEXT}}}


def _with_body(options: dict[str, Any]) -> dict[str, Any]:
    """Describe the body, of which FastAPI knows nothing."""
    return options | {"openapi_extra": options["openapi_extra"] | _TAKES}


@router.post(
    "/aliases:import",
    **_with_body(
        needs(
            "aliases:write",
            takes=CSV,
            streams=True,
            changes=True,
            codes=("conflict",),
            response_model=Answer[ImportReport],
        )
    ),
)
def import_aliases(
    request: Request,
    call: Change,
    body: Uploaded,
    dry_run: Annotated[bool, Query(description="Check everything, keep nothing, not even the key.")] = False,
) -> Response:
    """Create aliases from CSV, or make those that are there what the file says; a report for each line.

    The first line names the columns; `address` and `mailbox` must be there. An empty flag says nothing: a new alias
    has `can_receive` and `is_active` true and `can_send` false, one that is there stays as it is. An empty note is no
    note. An apostrophe before `=`, `+`, `-` or `@` at the start of a note is taken off: the export puts it there
    against spreadsheets that would run such a note. A line is a record: notes hold no line breaks.

    Every 500 lines are committed together. A line that is refused holds up no other. If the request is cut off, repeat
    it with the same `Idempotency-Key` and the same body: it goes on where it stopped, and the report tells of all
    lines. At most 64 MB and 250,000 lines. Without a first line that names the columns nothing is tried: 422.
    """
    _check_head(body)
    site, acting = call.site, call.caller.acting
    key = None
    if call.unit.repeatable is not None and not dry_run:
        asked = fingerprint(request, call.caller, body.digest.encode())
        key = progress.open_key(site.database, acting, call.unit.repeatable.key, asked)
    how = Import(site.database, acting, site.system_names, dry_run=dry_run, key=key)
    report = Report()
    try:
        finished = _complete(how, body, report)
        headers = _headers(call, finished)
    except BaseException:
        report.close()
        raise
    return StreamingResponse(_pieces(report, finished), headers=headers, media_type=JSON_TYPE)


@router.get(
    "/aliases:export",
    **needs("aliases:read", responses={200: {"content": {CSV: _TEXT}}}, response_class=Response),
)
def export_aliases(call: Read) -> Response:
    """Return all aliases as CSV that an import takes back without changing anything."""
    lines = export(call.site.database, call.caller.acting)
    text = ("".join(some) for some in batches(lines, _LINES_AT_ONCE))
    headers = {"Content-Disposition": 'attachment; filename="aliases.csv"'}
    return StreamingResponse(text, headers=headers, media_type=f"{CSV}; charset=utf-8")


def _check_head(body: Upload) -> None:
    """Refuse a file none of whose lines could be understood. Raises Refusal ``invalid-request``."""
    try:
        check_head(body.file)
    except UnusableHead as error:
        details = {"line": 1, "line_code": error.code}
        raise Refusal("invalid-request", error.message, flaws=[Flaw("", error.message)], details=details) from None


def _complete(how: Import, body: Upload, report: Report) -> Finished:
    return complete(how, at_most(read_csv(body.file), MOST_LINES), report, lambda _: None)


def _headers(call: ChangeCall, finished: Finished) -> Mapping[str, str]:
    if finished.replayed:
        return {REPLAYED: "true"}
    return {PROPAGATION: call.site.wait(finished.version)}


def _pieces(report: Report, finished: Finished) -> Iterator[str]:
    with closing(report):
        yield '{"data": '
        yield from report.as_json(finished.summary)
        yield "}"
