"""Tokens: by which programs act, for an account, a mailbox, or as an operator."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, func, or_, select, update

from store import token_format
from store.clock import utc_now
from store.errors import ServiceError, StoreNotReady, StoreUnavailable
from store.services import audit, lookup
from store.services.fields import check_moment, check_name
from store.services.lookup import Ref, has_id
from store.services.paging import Page, page_of
from store.services.scopes import ACCOUNT, MESSAGE, OPERATOR, SCOPES, effective, granted
from store.services.unset import UNSET, NotGiven
from store.sql.database import Database
from store.sql.tables import TokenRow
from store.sql.tenant import Transaction
from store.sql.token_query import token_of

__all__ = [
    "NewToken",
    "ShownToken",
    "TokenView",
    "create",
    "effective",
    "find",
    "get",
    "latest",
    "list_all",
    "of_mailbox",
    "page",
    "remove",
    "use_is_noted",
    "used",
]

_PREFIX = {ACCOUNT: 0, MESSAGE: 1, OPERATOR: 2}  # kind: which of the prefixes in [api] token_prefixes
_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token, without its secret."""

    id: int
    name: str
    kind: str  # account, message or operator
    scopes: tuple[str, ...]
    account_id: int | None  # None for an operator's
    mailbox_id: int | None  # of a message token
    start: str  # the first characters, by which people know it
    expires_at: datetime | None
    last_used_at: datetime | None  # to the minute
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made. The secret is shown only now."""

    token: TokenView
    secret: str

    def __repr__(self) -> str:
        """Show no secret."""
        return f"NewToken({self.token!r})"


@dataclass(frozen=True, slots=True)
class ShownToken:
    """A token that a request presented."""

    token: TokenView
    is_suspended: bool  # it is of an account that is


def create(
    tx: Transaction,
    *,
    name: str,
    kind: str,
    prefixes: Sequence[str],
    account: Ref | None = None,
    mailbox: Ref | None = None,
    scopes: Collection[str] | None = None,
    expires_at: datetime | None = None,
    maker: Collection[str] | None = None,
) -> NewToken:
    """Make a token.

    Args:
        name: what people call it.
        kind: ``account`` (with ``account``), ``message`` (with ``mailbox``) or ``operator``.
        prefixes: of account, message and operator tokens.
        scopes: None for all that the maker can give to this kind.
        expires_at: from when on it is none; aware, in the future.
        maker: scopes of the token by which this one is made, None for the command line.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``, ``insufficient-scope``.
    """
    check_name(name)
    if kind not in SCOPES:
        raise ServiceError("invalid-request", f"a token is one of {', '.join(SCOPES)}", field="kind")
    if kind == OPERATOR and tx.acting.account_id is not None:
        raise ServiceError("insufficient-scope", "only an operator makes operator tokens")
    check_moment("expires_at", expires_at)
    if expires_at is not None and expires_at <= utc_now():
        raise ServiceError("invalid-request", "the token would have expired already", field="expires_at")
    account_id, mailbox_id = _owner(tx, kind, account, mailbox)
    secret = token_format.make(prefixes[_PREFIX[kind]])
    row = TokenRow(
        kind=kind,
        account_id=account_id,
        mailbox_id=mailbox_id,
        name=name,
        start=token_format.start(secret),
        sha256=token_format.digest(secret),
        scopes=" ".join(granted(kind, scopes, maker)),
        expires_at=expires_at,
    )
    tx.add(row)
    tx.flush()
    made = _as_view(row)
    audit.note(tx, "token.create", "token", made.id, made.name, None, made, account_id=account_id)
    return NewToken(made, secret)


def find(database: Database, secret: str, now: datetime) -> ShownToken | None:
    """Return the token with that secret; None for one that is malformed (no query then), unknown or expired.

    One statement, a transaction of its own: every request begins with it.
    """
    if not token_format.well_formed(secret):
        return None
    row = token_of(database, token_format.digest(secret))
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    return ShownToken(_as_view(row), is_suspended=row.account_is_active is False)


def get(tx: Transaction, token_id: int) -> TokenView:
    """Return a token. Raises ServiceError ``not-found``."""
    return _as_view(_row(tx, token_id, lock=False))


def list_all(tx: Transaction) -> list[TokenView]:
    """Return every token, by name."""
    return [_as_view(row) for row in tx.scalars(select(TokenRow).order_by(TokenRow.name, TokenRow.id))]


def page(
    tx: Transaction, *, page: int = 1, per_page: int = 25, account: int | NotGiven | None = UNSET
) -> Page[TokenView]:
    """Return a page of tokens, by name: all, or those of one account, or with None those of operators."""
    query = select(TokenRow).order_by(TokenRow.name, TokenRow.id)
    return page_of(tx, query if account is UNSET else query.where(_is_of(account)), _of_row, page, per_page)


def of_mailbox(tx: Transaction, mailbox_id: int) -> list[TokenView]:
    """Return the tokens of a mailbox, by name."""
    query = select(TokenRow).where(TokenRow.mailbox_id == mailbox_id)
    return [_as_view(row) for row in tx.scalars(query.order_by(TokenRow.name, TokenRow.id))]


def latest(tx: Transaction, *, account: int | None, name: str | None = None) -> int:
    """Return the id of the latest token of an account, or with None of operators, 0 without one.

    Args:
        name: of the latest that is called so.
    """
    query = select(func.max(TokenRow.id)).where(_is_of(account))
    return tx.scalar(query if name is None else query.where(TokenRow.name == name)) or 0


def remove(tx: Transaction, token_id: int) -> TokenView:
    """Remove a token; what is asked with it from now on is refused. Raises ServiceError ``not-found``."""
    row = _row(tx, token_id, lock=True)
    gone = _as_view(row)
    tx.delete(row)
    tx.flush()
    audit.note(tx, "token.delete", "token", gone.id, gone.name, gone, None, account_id=gone.account_id)
    return gone


def use_is_noted(token: TokenView, now: datetime) -> bool:
    """Return whether the latest use of a token that is known is late enough: within the last minute."""
    return token.last_used_at is not None and now - token.last_used_at < _NOTED_EVERY


def used(database: Database, token: TokenView, now: datetime) -> None:
    """Note that a token was used, at most once a minute. Trouble with that is not worth failing a request."""
    if use_is_noted(token, now):
        return
    stale = or_(TokenRow.last_used_at.is_(None), TokenRow.last_used_at <= now - _NOTED_EVERY)
    noted = update(TokenRow).where(TokenRow.id == token.id, stale).values(last_used_at=now)
    try:
        with database.write() as tx:
            tx.execute(noted, execution_options={"synchronize_session": False})
    except (StoreUnavailable, StoreNotReady, ServiceError):
        return


def _owner(tx: Transaction, kind: str, account: Ref | None, mailbox: Ref | None) -> tuple[int | None, int | None]:
    """Return the ids of account and mailbox for a token of that kind."""
    if (account is not None, mailbox is not None) != (kind == ACCOUNT, kind == MESSAGE):
        wanted = "an account, a message token a mailbox, an operator token neither"
        raise ServiceError("invalid-request", f"an account token belongs to {wanted}", field="kind")
    if account is not None:
        return lookup.account(tx, account).id, None
    if mailbox is not None:
        found = lookup.mailbox(tx, mailbox, lock=True)
        return found.account.id, found.mailbox.id
    return None, None


def _is_of(account: int | None) -> ColumnElement[bool]:
    return TokenRow.account_id.is_(None) if account is None else TokenRow.account_id == account


def _row(tx: Transaction, token_id: int, *, lock: bool) -> TokenRow:
    wanted = select(TokenRow).where(has_id(TokenRow.id, token_id))
    found = tx.scalar(wanted.with_for_update() if lock else wanted)
    if found is None:
        raise ServiceError("not-found", f"there is no token {token_id}")
    return found


def _of_row(found: Row[*tuple[Any, ...]]) -> TokenView:
    return _as_view(found[0])


def _as_view(row: TokenRow | Row[*tuple[Any, ...]]) -> TokenView:
    return TokenView(
        id=row.id,
        name=row.name,
        kind=row.kind,
        scopes=tuple(row.scopes.split()),
        account_id=row.account_id,
        mailbox_id=row.mailbox_id,
        start=row.start,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        created_at=row.created_at,
    )
