"""Mail of aliases, counted. The previous release counts nothing, and its accounts remember no senders."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def _of_alias() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("alias_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["alias_id"], ["aliases.id"], ondelete="CASCADE"),
    ]


def upgrade() -> None:
    op.create_table(
        "alias_days",
        *_of_alias(),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("rule", sa.String(40), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("alias_id", "day", "rule"),
    )
    op.create_index(None, "alias_days", ["day"])
    op.create_table(
        "alias_totals",
        *_of_alias(),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("last_mail_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("alias_id"),
    )
    op.create_table(
        "alias_senders",
        *_of_alias(),
        sa.Column("sender", sa.String(320), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("first_at", _MOMENT, nullable=False),
        sa.Column("last_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("alias_id", "sender"),
    )
    op.create_index(None, "alias_senders", ["last_at"])
    op.create_table(
        "count_batches",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("merged_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(None, "count_batches", ["merged_at"])
    op.add_column("accounts", sa.Column("remember_senders_days", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("accounts", "remember_senders_days")
    for table in ("count_batches", "alias_senders", "alias_totals", "alias_days"):
        op.drop_table(table)
