"""Copies of sent messages for the mailbox's own Sent folder, and keys by which the command line sends once.

Every column may be left out by the previous release: its messages have no copy and no key.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("copy_state", sa.String(10), nullable=False, server_default="none"),
        sa.Column("copy_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("copy_attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("copy_reason", sa.Text(), nullable=True),
        sa.Column("copy_head", sa.LargeBinary(), nullable=True),
        sa.Column("send_key", sa.String(255), nullable=True),
        sa.Column("fingerprint", sa.String(64), nullable=True),
    ):
        op.add_column("messages", column)
    op.create_index(None, "messages", ["copy_due_at"])
    op.create_index(None, "messages", ["mailbox_id", "send_key"], unique=True)


def downgrade() -> None:
    for columns in ("mailbox_id_send_key", "copy_due_at"):
        op.drop_index(f"ix_messages_{columns}", "messages")
    copy = ("head", "reason", "attempts", "due_at", "state")
    for column in ("fingerprint", "send_key", *(f"copy_{name}" for name in copy)):
        op.drop_column("messages", column)
