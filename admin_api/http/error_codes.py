"""Every code that an error answer can have: its status, its title and whether the same request may work later."""

from collections.abc import Mapping
from types import MappingProxyType

from store.errors import CODES

# What HTTP itself can refuse, beside the codes that the store knows.
HTTP_CODES: Mapping[str, int] = MappingProxyType(
    {"method-not-allowed": 405, "payload-too-large": 413, "unsupported-media-type": 415, "internal-error": 500}
)
STATUS: Mapping[str, int] = MappingProxyType({**CODES, **HTTP_CODES})

RETRYABLE = frozenset({"rate-limited", "request-in-progress", "unavailable"})

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "unauthenticated": "A valid token is needed",
        "insufficient-scope": "The token may not do this",
        "account-suspended": "The account is suspended",
        "sender-not-owned": "Not an address of this mailbox",
        "sender-disabled": "The sender address is disabled",
        "cannot-send-as": "Sending is off for this alias",
        "not-found": "Not found",
        "domain-not-yours": "Not a domain of this account",
        "method-not-allowed": "Method not allowed",
        "conflict": "In conflict with what is there",
        "address-taken": "The address is taken",
        "address-kept": "The address was deleted and is kept",
        "address-reserved": "The address is reserved",
        "domain-taken": "The domain is taken",
        "domain-not-active": "The domain is not active",
        "domain-not-empty": "The domain is not empty",
        "confirmation-required": "A confirmation is needed",
        "request-in-progress": "The first request of this key still runs",
        "payload-too-large": "The body is too large",
        "unsupported-media-type": "The body has the wrong type",
        "invalid-request": "The request is invalid",
        "invalid-local-part": "The name before the @ is invalid",
        "invalid-domain": "The domain name is invalid",
        "alias-not-renamable": "An alias cannot be renamed",
        "alias-limit-reached": "The plan's alias limit is reached",
        "trial-limit-reached": "The trial's alias limit is reached",
        "feature-not-available": "Not part of the plan",
        "destination-not-a-mailbox": "The destination is not a mailbox",
        "idempotency-key-reused": "The idempotency key was used for another request",
        "rate-limited": "Too many requests",
        "internal-error": "Something went wrong here",
        "unavailable": "Not available at the moment",
    }
)
