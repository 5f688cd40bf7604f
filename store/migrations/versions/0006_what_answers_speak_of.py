"""With each kept answer, which objects its request changed: it ends when a later request changes them away."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLE = "idempotency_keys"


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("changed", sa.Text(), nullable=True))
    op.add_column(_TABLE, sa.Column("audited", sa.Integer(), nullable=True))
    op.add_column(_TABLE, sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("ends_at", "audited", "changed"):
        op.drop_column(_TABLE, name)
