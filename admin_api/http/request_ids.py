"""The id of a request: the client's own where it is sane, else one of ours."""

import re
import uuid

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def request_id(given: str | None) -> str:
    """Return ``given`` if it can stand in a header and a log line as it is, else a new id."""
    return given if given is not None and _SANE.fullmatch(given) else uuid.uuid4().hex
