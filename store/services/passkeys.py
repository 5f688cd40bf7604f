"""Passkeys (WebAuthn): made, shown, used, removed. What a device has signed is judged in passkey_answers.

No transaction waits for a person: a challenge is issued in one request and answered in another.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import webauthn
from sqlalchemy import delete, func, select, update
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from store.errors import ServiceError
from store.services.fields import check_name
from store.services.passkey_answers import RelyingParty, credential_id, verified_count, verified_registration
from store.services.sessions import Person, belongs_to, subject
from store.sql.insert_if_free import insert_if_free
from store.sql.tables import PasskeyRow
from store.sql.tenant import Transaction

MOST = 20  # of one person
_TIMEOUT = 120_000  # milliseconds that the browser waits for a person
_UNSYNCHRONISED = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as its person sees it."""

    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is needed to judge an answer."""

    id: int
    admin_id: int | None
    mailbox_id: int | None
    public_key: bytes
    sign_count: int


def list_all(tx: Transaction, person: Person) -> list[Passkey]:
    """Return the passkeys of a person, the oldest first."""
    found = tx.scalars(select(PasskeyRow).where(belongs_to(PasskeyRow, person)).order_by(PasskeyRow.id))
    return [Passkey(row.id, row.name, row.created_at, row.last_used_at) for row in found]


def registration_options(tx: Transaction, person: Person, party: RelyingParty, challenge: bytes) -> str:
    """Return as JSON what a browser is told to make a passkey with."""
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_name=person.address,
        user_id=_handle(person),
        challenge=challenge,
        timeout=_TIMEOUT,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=_descriptors(tx, person),
    )
    return options_to_json(options)


def register(
    tx: Transaction, person: Person, party: RelyingParty, challenge: bytes | None, name: str, answer: str, now: datetime
) -> None:
    """Keep the passkey that a browser has made.

    Raises:
        ServiceError: ``invalid-request``, ``conflict``.
    """
    check_new(tx, person, name)
    made = None if challenge is None else verified_registration(party, challenge, answer)
    if made is None:
        raise ServiceError("invalid-request", "the passkey could not be checked", hint="try again")
    kept = insert_if_free(
        tx,
        PasskeyRow,
        admin_id=person.admin_id,
        mailbox_id=person.mailbox_id,
        name=name,
        credential_id=bytes_to_base64url(made.credential_id),
        public_key=bytes_to_base64url(made.credential_public_key),
        sign_count=made.sign_count,
        created_at=now,
    )
    if kept is None:
        raise ServiceError("conflict", "this passkey is known already")


def check_new(tx: Transaction, person: Person, name: str) -> None:
    """Refuse a name that is none, and one passkey too many. Raises ServiceError ``invalid-request``, ``conflict``."""
    check_name(name)
    count = tx.scalar(select(func.count(PasskeyRow.id)).where(belongs_to(PasskeyRow, person))) or 0
    if count >= MOST:
        raise ServiceError("conflict", f"there are {MOST} passkeys already; remove one first")


def assertion_options(tx: Transaction, person: Person | None, party: RelyingParty, challenge: bytes) -> str:
    """Return as JSON what a browser is told to sign with a passkey.

    Args:
        person: who has given a password; None: whoever the passkey says, and their device must make sure of them.
    """
    alone = person is None
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=_TIMEOUT,
        allow_credentials=[] if person is None else _descriptors(tx, person),
        user_verification=UserVerificationRequirement.REQUIRED if alone else UserVerificationRequirement.PREFERRED,
    )
    return options_to_json(options)


def find(tx: Transaction, answer: str) -> Known | None:
    """Return the passkey that an answer names; None for one that is not known."""
    row = tx.scalar(select(PasskeyRow).where(PasskeyRow.credential_id == credential_id(answer)))
    if row is None:
        return None
    return Known(row.id, row.admin_id, row.mailbox_id, base64url_to_bytes(row.public_key), row.sign_count)


def verified(known: Known, party: RelyingParty, challenge: bytes, answer: str, *, alone: bool) -> int | None:
    """Return the device's count of uses when an answer is right; None for one that is wrong, whatever is.

    Args:
        alone: without a password, so the device must have made sure of the person.
    """
    return verified_count(known.public_key, known.sign_count, party, challenge, answer, alone=alone)


def used(tx: Transaction, known: Known, sign_count: int, now: datetime) -> bool:
    """Note a use, and return whether the passkey is as it was judged: not removed, nor used meanwhile."""
    here = (PasskeyRow.id == known.id) & (PasskeyRow.sign_count == known.sign_count)
    noted: Any = tx.execute(
        update(PasskeyRow).where(here).values(sign_count=sign_count, last_used_at=now),
        execution_options=_UNSYNCHRONISED,
    )
    return bool(noted.rowcount)


def get(tx: Transaction, person: Person, passkey_id: int) -> Passkey:
    """Return a passkey of a person. Raises ServiceError ``not-found``."""
    for one in list_all(tx, person):
        if one.id == passkey_id:
            return one
    raise ServiceError("not-found", "there is no such passkey")


def remove(tx: Transaction, person: Person, passkey_id: int) -> Passkey:
    """Remove a passkey of a person. Raises ServiceError ``not-found``."""
    gone = get(tx, person, passkey_id)
    which = belongs_to(PasskeyRow, person) & (PasskeyRow.id == passkey_id)
    tx.execute(delete(PasskeyRow).where(which), execution_options=_UNSYNCHRONISED)
    return gone


def _handle(person: Person) -> bytes:
    """Return what the device keeps of the person: no address (WebAuthn section 14.6.1), and ids are never reused."""
    return "{}:{}".format(*subject(person)).encode()


def _descriptors(tx: Transaction, person: Person) -> list[PublicKeyCredentialDescriptor]:
    ids = tx.scalars(select(PasskeyRow.credential_id).where(belongs_to(PasskeyRow, person)).order_by(PasskeyRow.id))
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in ids]
