"""Bodies that are too long for memory: taken in piece by piece, to a temporary file, before any work begins.

The endpoint itself stays a plain ``def`` like all others: only this, which waits for the network, runs on the event
loop. No transaction is open while a slow client sends.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated

from fastapi import Depends
from starlette.requests import Request

from admin_api.http.problems import Refusal
from admin_api.http.threads import in_thread
from store.unit_of_work.concurrency_limit import ConcurrencyLimit

LARGEST_UPLOAD = 64_000_000  # bytes
_IN_MEMORY = 1_000_000  # bytes; a longer body goes to a file


@dataclass(frozen=True, slots=True)
class Upload:
    """A body, from its start. ``digest`` is the hex SHA-256 of all of it."""

    file: IO[bytes]
    digest: str


async def _upload(request: Request) -> AsyncIterator[Upload]:
    """Take the body in, wait until the work may run, and remove it when the endpoint is done.

    Raises:
        Refusal: ``payload-too-large``.
        ServiceError: ``rate-limited`` for too many at once.
    """
    limit: ConcurrencyLimit = request.app.state.site.import_limit
    with limit.admitted(request.state.caller.limited_as), SpooledTemporaryFile(_IN_MEMORY) as file:
        size, digest = 0, sha256()
        async for piece in request.stream():
            size += len(piece)
            if size > LARGEST_UPLOAD:
                raise Refusal("payload-too-large", f"the body must have at most {LARGEST_UPLOAD} bytes")
            digest.update(piece)
            await in_thread(file.write, piece)
        file.seek(0)
        async with limit.running():
            yield Upload(file, digest.hexdigest())


# The limit is left with the work: the report may go to a slow client.
Uploaded = Annotated[Upload, Depends(_upload, scope="function")]
