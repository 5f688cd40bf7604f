"""What doors over HTTP say of a change, and how they tell one request for it from another."""

from hmac import digest

from starlette.requests import Request

from store.unit_of_work.caller import Caller

PROPAGATION = "Byname-Propagation"
REPLAYED = "Idempotency-Replayed"
IDEMPOTENCY_KEY = "Idempotency-Key"


def fingerprint(request: Request, caller: Caller, secret: str, body: bytes) -> str:
    """Return a digest that identifies a request: method, path, query, account and body.

    Keyed with the token's secret, which is kept nowhere: a body may hold a password, and a bare digest of it would let
    whoever reads the database try passwords.
    """
    query = request.scope["query_string"].decode("latin-1")  # request.url would be put together, and taken apart again
    asked = f"{request.method} {request.scope['path']}?{query} {caller.acting.account_id}\n"
    return digest(secret.encode(), asked.encode() + body, "sha256").hex()
