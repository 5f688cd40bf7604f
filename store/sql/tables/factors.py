"""By what else than a password people sign in: codes of an app, recovery codes, passkeys; and signing in under way."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import utc_now
from store.sql.tables.base import NEVER_REUSE_IDS, Base

_ONE_PERSON = "(admin_id IS NULL) <> (mailbox_id IS NULL)"


class HalfSessionRow(Base):
    """A browser whose person has given the password, and still has to show the second factor."""

    __tablename__ = "half_sessions"
    __table_args__: Any = (CheckConstraint(_ONE_PERSON, name="one_person"), NEVER_REUSE_IDS)

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)  # of the secret in the browser's cookie
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("admins.id", ondelete="CASCADE"), index=True)
    mailbox_id: Mapped[int | None] = mapped_column(ForeignKey("mailboxes.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class TotpRow(Base):
    """The secret that a person's app makes codes from (RFC 6238). There is none before a code has confirmed it.

    To judge a code the secret itself is needed, so it is kept as it is.
    """

    __tablename__ = "totp_secrets"
    __table_args__: Any = (CheckConstraint(_ONE_PERSON, name="one_person"), NEVER_REUSE_IDS)

    id: Mapped[int] = mapped_column(primary_key=True)
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("admins.id", ondelete="CASCADE"), unique=True)
    mailbox_id: Mapped[int | None] = mapped_column(ForeignKey("mailboxes.id", ondelete="CASCADE"), unique=True)
    secret: Mapped[str] = mapped_column(String(64))  # base32
    last_step: Mapped[int] = mapped_column(BigInteger)  # of the latest code that was taken: no code is taken twice
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class RecoveryCodeRow(Base):
    """A code that signs a person in once, when all else is lost. What is kept of it is the SHA-256."""

    __tablename__ = "recovery_codes"
    __table_args__: Any = (CheckConstraint(_ONE_PERSON, name="one_person"), NEVER_REUSE_IDS)

    id: Mapped[int] = mapped_column(primary_key=True)
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("admins.id", ondelete="CASCADE"), index=True)
    mailbox_id: Mapped[int | None] = mapped_column(ForeignKey("mailboxes.id", ondelete="CASCADE"), index=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)


class PasskeyRow(Base):
    """A person's passkey: the public key of a pair whose other half stays in their device (WebAuthn)."""

    __tablename__ = "passkeys"
    __table_args__: Any = (CheckConstraint(_ONE_PERSON, name="one_person"), NEVER_REUSE_IDS)

    id: Mapped[int] = mapped_column(primary_key=True)
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("admins.id", ondelete="CASCADE"), index=True)
    mailbox_id: Mapped[int | None] = mapped_column(ForeignKey("mailboxes.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)  # base64url; at most 1023 bytes
    public_key: Mapped[str] = mapped_column(Text)  # base64url of a COSE key
    sign_count: Mapped[int] = mapped_column(BigInteger)  # the device's own count of uses, or always 0
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_used_at: Mapped[datetime | None]


class ChallengeRow(Base):
    """What a passkey is asked to sign, for minutes and once. Bound to a browser, which need not be signed in."""

    __tablename__ = "passkey_challenges"
    __table_args__: Any = (NEVER_REUSE_IDS,)

    id: Mapped[int] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256: what for, and by which cookie
    challenge: Mapped[str] = mapped_column(String(64))  # hex
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
