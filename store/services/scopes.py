"""What tokens may do (docs/api.md, "Tokens and scopes")."""

from collections.abc import Collection

from store.errors import ServiceError

ACCOUNT, MESSAGE, OPERATOR = "account", "message", "operator"

_OF_ACCOUNTS = (
    "domains:read",
    "domains:write",
    "mailboxes:read",
    "mailboxes:write",
    "aliases:read",
    "aliases:write",
    "rules:read",
    "rules:write",
    "tokens:write",
)

# kind of token: the scopes that one may hold
SCOPES: dict[str, tuple[str, ...]] = {
    ACCOUNT: _OF_ACCOUNTS,
    MESSAGE: ("aliases:write", "rules:read", "rules:write", "messages:send"),  # each for its own mailbox only
    OPERATOR: (*_OF_ACCOUNTS, "messages:send"),
}

# scope: what else it lets one do
IMPLIED: dict[str, tuple[str, ...]] = {
    "domains:write": ("domains:read",),
    "mailboxes:read": ("aliases:read", "rules:read"),
    "mailboxes:write": ("mailboxes:read", "aliases:write", "rules:write"),
    "aliases:write": ("aliases:read",),
    "rules:write": ("rules:read",),
}


# scope: what its holder may pass on without holding it. Who sets a mailbox's password can send as it anyway.
MAY_GRANT: dict[str, tuple[str, ...]] = {"mailboxes:write": ("messages:send",)}


def effective(scopes: Collection[str]) -> frozenset[str]:
    """Return the scopes with all that they imply."""
    known = set(scopes)
    while more := {implied for scope in known for implied in IMPLIED.get(scope, ())} - known:
        known |= more
    return frozenset(known)


def granted(kind: str, wanted: Collection[str] | None, maker: Collection[str] | None) -> tuple[str, ...]:
    """Return the scopes of a token to be made, in the order of :data:`SCOPES`.

    Args:
        kind: of the token.
        wanted: None for all that its maker can give.
        maker: the scopes of the token by which it is made; None for the command line, which can give all.

    Raises:
        ServiceError: ``invalid-request`` for a scope that the kind does not have, or for none;
            ``insufficient-scope`` for one that the maker lacks.
    """
    able = frozenset(SCOPES[kind]) if maker is None else _passes_on(maker)
    found = able if wanted is None else frozenset(wanted)
    if wanted is not None:
        _check_known(kind, found)
    if lacking := sorted(found - able):
        raise ServiceError("insufficient-scope", f"your token has no {', '.join(lacking)} to pass on", field="scopes")
    chosen = tuple(scope for scope in SCOPES[kind] if scope in found)
    if not chosen:
        raise ServiceError("insufficient-scope", f"your token has no scope that a {kind} token can have")
    return chosen


def _passes_on(maker: Collection[str]) -> frozenset[str]:
    held = effective(maker)
    return held | {extra for scope in held for extra in MAY_GRANT.get(scope, ())}


def _check_known(kind: str, wanted: frozenset[str]) -> None:
    if not wanted:
        raise ServiceError("invalid-request", "a token needs a scope", field="scopes")
    if not wanted <= set(SCOPES[kind]):
        known = ", ".join(SCOPES[kind])
        raise ServiceError("invalid-request", f"such a token ({kind}) can have {known}", field="scopes")
