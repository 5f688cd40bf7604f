"""Bodies of requests: their type, their size, and JSON without ambiguity.

RFC 8259 leaves open what two members of one name mean, and which encodings a reader takes; programs differ, so both
are refused here rather than guessed.
"""

import json
from email.message import Message
from typing import Any, NoReturn

from starlette.requests import Request

from admin_api.http.problems import Flaw, Refusal
from admin_api.http.threads import in_thread

LARGEST_BODY = 1_000_000  # bytes; a body that is streamed sees to its own limit
_SHOWN = 100  # characters of a name in a message


class _Unreadable(ValueError):
    """JSON that is not one value in UTF-8, or not JSON at all."""


def check_type(request: Request, wanted: str) -> None:
    """Refuse a body whose header declares anything but ``wanted`` in UTF-8, uncompressed.

    Raises:
        Refusal: ``unsupported-media-type``, with what would do in ``Accept`` or ``Accept-Encoding`` (RFC 9110 15.5.16).
    """
    given = Message()
    given["Content-Type"] = request.headers.get("Content-Type", "")
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != wanted:
        raise Refusal("unsupported-media-type", f"the body must be {wanted}", headers={"Accept": wanted})
    if str(given.get_param("charset", "utf-8")).lower() not in {"utf-8", "utf8"}:
        raise Refusal("unsupported-media-type", "the body must be in UTF-8", headers={"Accept": wanted})
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        detail = "the body must come without a Content-Encoding"
        raise Refusal("unsupported-media-type", detail, headers={"Accept-Encoding": "identity"})


def is_large(request: Request) -> bool:
    """Tell whether a body is larger than most routes take, or does not say how large it is."""
    announced = request.headers.get("Content-Length", "")
    return not announced.isdecimal() or int(announced[:20]) > LARGEST_BODY


async def read_body(request: Request, largest: int = LARGEST_BODY) -> None:
    """Read the body for those who come after, and stop at the limit. Raises Refusal ``payload-too-large``.

    A header that announces more is refused before anything is read.
    """
    pieces, size = [], 0
    announced = request.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced[:20]) > largest:
        raise _too_large(largest)
    async for piece in request.stream():
        size += len(piece)
        if size > largest:
            raise _too_large(largest)
        pieces.append(piece)
    request._body = b"".join(pieces)  # where Starlette keeps it, so that it is read once


def _too_large(largest: int) -> Refusal:
    return Refusal("payload-too-large", f"the body must have at most {largest} bytes")


async def read_json(request: Request) -> None:
    """Parse a body that was read, for those who come after; nothing where there is none.

    Raises:
        Refusal: ``invalid-request`` for what is no JSON in UTF-8, and for a name that stands twice in one object.
    """
    body = await request.body()
    if not body:
        return
    try:
        read = _parsed(body) if len(body) <= LARGEST_BODY else await in_thread(_parsed, body)
        request._json = read  # where Starlette keeps it
    except (ValueError, RecursionError) as error:
        detail = str(error) if isinstance(error, _Unreadable) else "this is not JSON in UTF-8"
        raise Refusal("invalid-request", f"the body cannot be read: {detail}", flaws=[Flaw("", detail)]) from None


def _parsed(body: bytes) -> Any:
    return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_refuse)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Unreadable(f"the member {twice[:_SHOWN]} stands more than once in one object")
    return found


def _refuse(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads and JSON does not know."""
    raise _Unreadable(f"{constant} is no number of JSON")
