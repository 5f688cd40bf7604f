"""Authentication by bearer token (RFC 6750), and the account that a request names."""

from starlette.requests import Request

from admin_api.http.problems import Flaw, Refusal
from admin_api.site import ApiSite
from store.unit_of_work.caller import Caller, find_caller

ACCOUNT_HEADER = "X-Byname-Account"
_LARGEST_ID = 2**63 - 1


def authenticate(site: ApiSite, request: Request) -> Caller:
    """Return who calls. Asks the database; not for the event loop.

    Raises:
        Refusal: ``unauthenticated``; ``invalid-request`` for the account that a header names.
        ServiceError: ``not-found`` for that account.
    """
    caller = find_caller(site.database, bearer(request), request.state.request_id)
    if caller is None:
        raise _unauthenticated("the token is unknown, malformed or expired", error="invalid_token")
    named = _named_account(request)
    return caller if named is None else caller.in_account(site.database, named)


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


def _named_account(request: Request) -> int | None:
    text = request.headers.get(ACCOUNT_HEADER)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 1 <= int(text) <= _LARGEST_ID):
        detail = "must be the id of an account"
        raise Refusal(
            "invalid-request", f"{ACCOUNT_HEADER} {detail}", flaws=[Flaw(f"/header/{ACCOUNT_HEADER}", detail)]
        )
    return int(text)
