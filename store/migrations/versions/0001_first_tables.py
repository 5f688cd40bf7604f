"""The first tables: accounts, domains, addresses with mailboxes and aliases, catch-alls and system mailboxes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_PROVED = sa.text("verified_at IS NOT NULL")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_accounts_and_domains()
    _create_names()
    _create_choices_of_a_domain()


def downgrade() -> None:
    for table in ("system_mailboxes", "catch_alls", "aliases", "mailboxes", "addresses", "domains", "accounts"):
        op.drop_table(table)


def _create_accounts_and_domains() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("plan", sa.String(16), nullable=False),
        sa.Column("is_trial", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("first_payment_at", _MOMENT, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.CheckConstraint("plan IN ('nano', 'starter', 'pro', 'agency')", name="plan"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "domains",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("verified_at", _MOMENT, nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("proof_lapsed", sa.Boolean(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "name"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_domains_proved_name", "domains", ["name"], unique=True, sqlite_where=_PROVED, postgresql_where=_PROVED
    )


def _create_names() -> None:
    op.create_table(
        "addresses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("local_part", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.CheckConstraint("kind IN ('mailbox', 'alias')", name="kind"),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("domain_id", "local_part"),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "addresses", ["domain_id", "kind", "id"])
    op.create_table(
        "mailboxes",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["addresses.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "aliases",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mailbox_id", sa.Integer(), nullable=False),
        sa.Column("can_receive", sa.Boolean(), nullable=False),
        sa.Column("can_send", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(500), nullable=True),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["id"], ["addresses.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailboxes.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(None, "aliases", ["mailbox_id"])


def _create_choices_of_a_domain() -> None:
    op.create_table(
        "catch_alls",
        sa.Column("domain_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mailbox_id", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailboxes.id"]),
        sa.PrimaryKeyConstraint("domain_id"),
    )
    op.create_index(None, "catch_alls", ["mailbox_id"])
    op.create_table(
        "system_mailboxes",
        sa.Column("domain_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mailbox_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailboxes.id"]),
        sa.PrimaryKeyConstraint("domain_id"),
    )
    op.create_index(None, "system_mailboxes", ["mailbox_id"])
