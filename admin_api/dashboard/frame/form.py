"""The fields of a form, as a browser sends them: one name may stand there several times, and a file may be with it."""

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

_MOST_FIELDS = 1100  # a page of rows that can be ticked, and what stands beside them


class Form(Mapping[str, str]):
    """Names and values. By name it gives the last value; :meth:`all` gives every one."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        """Return the last value of a name."""
        return self._fields[name][-1]

    def __iter__(self) -> Iterator[str]:
        """Return the names."""
        return iter(self._fields)

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self._fields)

    def all(self, name: str) -> list[str]:
        """Return all values of a name."""
        return self._fields.get(name, [])


class TooLarge(Exception):
    """A form has more bytes than its page takes."""


async def read_form(request: Request, largest: int) -> Form:
    """Return the form of a request; one that cannot be read is empty, and its token missing.

    Args:
        request: with ``application/x-www-form-urlencoded`` or ``multipart/form-data`` (RFC 7578). The bytes of a file
            are taken for UTF-8, wrong ones replaced.
        largest: bytes.

    Raises:
        TooLarge: before the rest is read.
    """
    body = await _read(request, largest)
    if request.headers.get("Content-Type", "").startswith("multipart/form-data"):
        return await _multipart(request, body, largest)
    try:
        return Form(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return Form()


async def _read(request: Request, largest: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > largest:
            raise TooLarge
    return bytes(body)


async def _multipart(request: Request, body: bytes, largest: int) -> Form:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    again = Request(request.scope, receive)
    try:
        async with again.form(max_fields=_MOST_FIELDS, max_part_size=largest) as fields:
            return Form([(name, await _text(value)) for name, value in fields.multi_items()])
    except (MultiPartException, HTTPException, ClientDisconnect):
        return Form()


async def _text(value: UploadFile | str) -> str:
    return value if isinstance(value, str) else (await value.read()).decode("utf-8-sig", "replace")
