"""What a passkey's device answers, judged: pure functions of bytes that come from strangers (WebAuthn section 7)."""

import json
from dataclasses import dataclass

import webauthn
from webauthn.registration.verify_registration_response import VerifiedRegistration

_LONGEST = 16_000  # characters of an answer


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Whom passkeys are for: this site, by the name in browsers' address bar."""

    id: str  # a host name, never an IP address (WebAuthn section 5.1.3)
    origin: str  # "https://names.example.com"
    name: str


def credential_id(answer: str) -> str:
    """Return which passkey an answer is of, as it says; empty for an answer that cannot be read."""
    if len(answer) > _LONGEST:
        return ""
    try:
        found = json.loads(answer)["id"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return found if isinstance(found, str) and found.isascii() else ""


def verified_count(
    public_key: bytes, sign_count: int, party: RelyingParty, challenge: bytes, answer: str, *, alone: bool
) -> int | None:
    """Return the device's count of uses when an answer is right; None for one that is wrong, whatever is.

    Args:
        alone: without a password, so the device must have made sure of the person.
    """
    try:
        found = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=alone,
        )
    except Exception:  # noqa: BLE001 - bytes of a stranger through several parsers: whatever they raise means no
        return None
    return found.new_sign_count


def verified_registration(party: RelyingParty, challenge: bytes, answer: str) -> VerifiedRegistration | None:
    """Return the passkey that an answer holds; None for one that is wrong, whatever is."""
    if len(answer) > _LONGEST:
        return None
    try:
        return webauthn.verify_registration_response(
            credential=answer, expected_challenge=challenge, expected_rp_id=party.id, expected_origin=party.origin
        )
    except Exception:  # noqa: BLE001 - as above
        return None
