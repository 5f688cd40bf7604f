"""Second factors, signing in with them, and from where and with what browser a session began."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_SESSION_COLUMNS = (("client", 64), ("browser", 80))


def _of_person(name: str, *columns: SchemaItem, once: bool = False) -> None:
    """Make a table of things that belong to an admin or to the owner of a mailbox; ``once``: each has one at most."""
    people = ("admin_id", "admins.id"), ("mailbox_id", "mailboxes.id")
    op.create_table(
        name,
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(column, sa.Integer(), nullable=True) for column, _ in people),
        *columns,
        sa.CheckConstraint("(admin_id IS NULL) <> (mailbox_id IS NULL)", name="one_person"),
        *(sa.ForeignKeyConstraint([column], [target], ondelete="CASCADE") for column, target in people),
        *(sa.UniqueConstraint(column) for column, _ in people if once),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    for column, _ in people:
        if not once:
            op.create_index(None, name, [column])


def upgrade() -> None:
    _of_person(
        "half_sessions",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("sha256"),
    )
    op.create_index(None, "half_sessions", ["created_at"])
    _of_person(
        "totp_secrets",
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        once=True,
    )
    _of_person("recovery_codes", sa.Column("sha256", sa.String(64), nullable=False))
    op.create_index(None, "recovery_codes", ["sha256"])
    _of_person(
        "passkeys",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("credential_id", sa.String(1400), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("last_used_at", _MOMENT, nullable=True),
        sa.UniqueConstraint("credential_id"),
    )
    op.create_table(
        "passkey_challenges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("challenge", sa.String(64), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("holder"),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "passkey_challenges", ["created_at"])
    for name, length in _SESSION_COLUMNS:
        op.add_column("sessions", sa.Column(name, sa.String(length), nullable=True))


def downgrade() -> None:
    for name, _ in _SESSION_COLUMNS:
        op.drop_column("sessions", name)
    for table in ("passkey_challenges", "passkeys", "recovery_codes", "totp_secrets", "half_sessions"):
        op.drop_table(table)
