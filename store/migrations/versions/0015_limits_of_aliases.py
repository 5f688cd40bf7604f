"""Until when and from whom an alias takes mail. The previous release takes it as one without limits.

The view for mail servers tells some minutes late that an alias is off, for what was accepted before may be in a queue.
Who may write it does not know: it is asked without a sender.
"""

import sqlalchemy as sa
from alembic import op

from store.migrations.userdb_view import RECEIVES, userdb_view

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_NOW = {"postgresql": "extract(epoch FROM now())", "sqlite": "CAST(strftime('%s', 'now') AS INTEGER)"}
_COLUMNS = (
    ("expires_at", sa.DateTime(timezone=True)),
    ("expires_after", sa.Integer()),
    ("expires_when_idle", sa.Integer()),
    ("idle_since", sa.DateTime(timezone=True)),
    ("off_at", sa.BigInteger()),
    ("senders", sa.Text()),
)


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column("aliases", sa.Column(name, kind, nullable=True))
    now = _NOW[op.get_bind().dialect.name]
    _make_view(f"(a.is_active AND a.can_receive AND (a.off_at IS NULL OR a.off_at + 300 > {now}))")


def downgrade() -> None:
    _make_view(RECEIVES)
    for name, _ in reversed(_COLUMNS):
        op.drop_column("aliases", name)


def _make_view(receives: str) -> None:
    """Make ``byname_userdb`` anew with this condition for an alias; on PostgreSQL the grants on it stay."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(userdb_view(receives).replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
    else:
        op.execute("DROP VIEW byname_userdb")
        op.execute(userdb_view(receives))
