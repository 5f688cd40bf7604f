"""What the store raises: refusals with a code of docs/api.md, "Errors", and the two ways in which a database fails us.

No message holds a password, a database URL or another account's data.
"""

from collections.abc import Mapping
from pathlib import Path

# code: HTTP status (docs/api.md, "Errors"). A ServiceError has one of these codes and no other.
CODES: dict[str, int] = {
    "unauthenticated": 401,
    "insufficient-scope": 403,
    "account-suspended": 403,
    "sender-not-owned": 403,
    "sender-disabled": 403,
    "cannot-send-as": 403,
    "not-found": 404,
    "domain-not-yours": 404,
    "conflict": 409,
    "address-taken": 409,
    "address-kept": 409,
    "address-reserved": 409,
    "domain-taken": 409,
    "domain-not-active": 409,
    "domain-not-empty": 409,
    "confirmation-required": 409,
    "request-in-progress": 409,
    "invalid-request": 422,
    "invalid-local-part": 422,
    "invalid-domain": 422,
    "alias-not-renamable": 422,
    "alias-limit-reached": 422,
    "trial-limit-reached": 422,
    "feature-not-available": 422,
    "destination-not-a-mailbox": 422,
    "idempotency-key-reused": 422,
    "rate-limited": 429,
    "unavailable": 503,
}


class ServiceError(Exception):
    """A change or query that a rule refuses; nothing was written.

    Attributes:
        code: a key of :data:`CODES`; any other is a bug and a KeyError.
        status: its HTTP status.
        message: which rule, in words for the person who asked.
        field: the argument that broke it, where there is one.
        hint: what to do about it, where that is known.
        details: the figures behind it, such as ``used`` and ``limit``.
        retry_after: in how many seconds the same may work, where that is known.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        hint: str | None = None,
        details: Mapping[str, object] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = CODES[code]
        self.message = message
        self.field = field
        self.hint = hint
        self.details: dict[str, object] = dict(details or {})
        self.retry_after = retry_after


class StoreUnavailable(Exception):
    """The database cannot be reached, is locked or answers too late. Temporary: nothing was learned or written."""


class CacheUnavailable(Exception):
    """Redis cannot be reached, refuses or answers too late. Temporary; the cache may hold a part of what was sent."""


class StoreNotReady(Exception):
    """No database to speak of: a bad URL, no file, no tables, another revision. The message says what to do."""


class BadBackup(Exception):
    """A file that is no backup, or not one for this store or this Byname; nothing was changed.

    Attributes:
        reason: what is wrong with it.
        file: which one.
    """

    def __init__(self, reason: str, file: Path | None = None) -> None:
        super().__init__(f"{file}: {reason}" if file else reason)
        self.reason, self.file = reason, file
