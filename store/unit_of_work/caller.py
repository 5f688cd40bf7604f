"""Who asks through a token: its kind, its scopes, and the account it acts in."""

from dataclasses import dataclass, replace

from store.clock import utc_now
from store.errors import ServiceError
from store.services import accounts, tokens
from store.services.scopes import OPERATOR, effective
from store.services.tokens import TokenView
from store.sql.database import Database
from store.sql.tenant import Acting


@dataclass(frozen=True, slots=True)
class Caller:
    """A token that was shown, and within which account it acts."""

    token: TokenView
    scopes: frozenset[str]  # with all that they imply
    acting: Acting
    is_suspended: bool  # the token is of an account that is: it may read, and change nothing

    @property
    def is_operator(self) -> bool:
        """True for the operator's tokens, which may act on every account."""
        return self.token.kind == OPERATOR

    @property
    def account_id(self) -> int:
        """The account to act in. Raises ServiceError ``invalid-request``: an operator who named none."""
        if self.acting.account_id is None:
            message = "an operator's token must say for which account this is"
            raise ServiceError("invalid-request", message, hint="over HTTP, send the header X-Byname-Account: ID")
        return self.acting.account_id

    @property
    def limited_as(self) -> int:
        """By what number long work is limited: the account's id, or minus the token's where there is none."""
        return self.acting.account_id or -self.token.id

    def unbound(self) -> "Caller":
        """Return the same, acting on every account: for what only operators may ask."""
        return self._in(None)

    def in_account(self, database: Database, account_id: int) -> "Caller":
        """Return the same, acting in the account that a request names.

        Raises:
            ServiceError: ``not-found`` for an account that does not exist, or is another than the token's.
            StoreUnavailable: nothing could be learned.
        """
        if self.is_operator:
            with database.read() as tx:
                accounts.get(tx, account_id)
        elif account_id != self.token.account_id:
            raise ServiceError("not-found", "there is no such account")
        return self._in(account_id)

    def _in(self, account_id: int | None) -> "Caller":
        return replace(self, acting=replace(self.acting, account_id=account_id))


def find_caller(database: Database, secret: str, request_id: str | None) -> Caller | None:
    """Return who shows a token's secret; None when it is unknown, malformed or expired.

    Args:
        request_id: for the audit log.

    Raises:
        StoreUnavailable: nothing could be learned.
    """
    shown = tokens.find(database, secret, utc_now())
    if shown is None:
        return None
    token = shown.token
    account_id = None if token.kind == OPERATOR else token.account_id
    acting = Acting(account_id, f"{token.kind} token {token.name}", token.id, request_id)
    return Caller(token, effective(token.scopes), acting, shown.is_suspended)
