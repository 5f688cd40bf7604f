"""The proofs of domains by DNS, each with its token, and the checks of their records."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    proofs = op.create_table(
        "domain_proofs",
        sa.Column("domain_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("seen_at", _MOMENT, nullable=True),
        sa.Column("missing_since", _MOMENT, nullable=True),
        sa.Column("missing_times", sa.Integer(), nullable=False),
        sa.Column("missing_last_at", _MOMENT, nullable=True),
        sa.Column("warned_at", _MOMENT, nullable=True),
        sa.Column("parked_at", _MOMENT, nullable=True),
        sa.Column("last_checked_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("domain_id"),
    )
    op.create_index(None, "domain_proofs", ["last_checked_at"])
    op.create_table(
        "dns_checks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("requested_at", _MOMENT, nullable=False),
        sa.Column("started_at", _MOMENT, nullable=True),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.CheckConstraint("status IN ('queued', 'running', 'done')", name="status"),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "dns_checks", ["domain_id", "id"])
    domains = op.get_bind().scalars(sa.text("SELECT id FROM domains")).all()
    if domains:
        rows = [{"domain_id": found, "token": secrets.token_hex(16), "missing_times": 0} for found in domains]
        op.bulk_insert(proofs, rows)


def downgrade() -> None:
    op.drop_table("dns_checks")
    op.drop_table("domain_proofs")
