"""Who calls: the bearer token (RFC 6750), its kind, its scopes and the account it acts in."""

from dataclasses import dataclass, replace

from starlette.requests import Request

from admin_api.problems import Flaw, Refusal
from admin_api.site import ApiSite
from store.clock import utc_now
from store.services import accounts, tokens
from store.services.scopes import OPERATOR, effective
from store.services.tokens import TokenView
from store.sql.tenant import Acting

ACCOUNT_HEADER = "X-Byname-Account"
_LARGEST_ID = 2**63 - 1


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
        """The account to act in. Raises Refusal: an operator who named none."""
        if self.acting.account_id is None:
            hint = f"send the header {ACCOUNT_HEADER}: ID"
            raise Refusal("invalid-request", "an operator's token must say for which account this is", hint)
        return self.acting.account_id

    @property
    def counted_as(self) -> int:
        """Whose heavy requests these are: the account's; an operator's token, as a negative number, for all."""
        return self.acting.account_id or -self.token.id

    def unbound(self) -> "Caller":
        """Return the same, acting on every account: for what only operators may ask."""
        return replace(self, acting=replace(self.acting, account_id=None))


def authenticate(site: ApiSite, request: Request) -> Caller:
    """Return who calls. Asks the database; not for the event loop.

    Raises:
        Refusal: ``unauthenticated``; ``invalid-request`` or ``not-found`` for the account that a header names.
    """
    secret = bearer(request)
    shown = tokens.find(site.database, secret, site.token_prefixes, utc_now())
    if shown is None:
        raise _unauthenticated("the token is unknown, malformed or expired", error="invalid_token")
    token = shown.token
    account_id = _account(request, token)
    if account_id is not None and account_id != token.account_id:
        with site.database.read() as tx:
            accounts.get(tx, account_id)
    actor = f"{token.kind} token {token.name}"
    acting = Acting(account_id, actor, token.id, request.state.request_id)
    return Caller(token, effective(token.scopes), acting, shown.is_suspended)


def bearer(request: Request) -> str:
    """Return the secret that was shown. Raises Refusal ``unauthenticated`` for none, and for several."""
    shown = request.headers.getlist("Authorization")
    kind, _, secret = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
    if kind.lower() != "bearer" or not secret.strip():
        raise _unauthenticated("there is no token", error=None)
    return secret.strip()


def _unauthenticated(detail: str, error: str | None) -> Refusal:
    challenge = 'Bearer realm="byname"' + (f', error="{error}"' if error else "")
    hint = "send the header: Authorization: Bearer TOKEN"
    return Refusal("unauthenticated", detail, hint, headers={"WWW-Authenticate": challenge})


def _account(request: Request, token: TokenView) -> int | None:
    """Return the account to act in; None for an operator who named none."""
    named = _named(request)
    if token.kind == OPERATOR:
        return named
    if named not in (None, token.account_id):
        raise Refusal("not-found", "there is no such account")
    return token.account_id


def _named(request: Request) -> int | None:
    text = request.headers.get(ACCOUNT_HEADER)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 1 <= int(text) <= _LARGEST_ID):
        detail = "must be the id of an account"
        raise Refusal(
            "invalid-request", f"{ACCOUNT_HEADER} {detail}", flaws=[Flaw(f"/header/{ACCOUNT_HEADER}", detail)]
        )
    return int(text)
