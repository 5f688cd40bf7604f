"""Deleted names that an account keeps from others. The previous release takes such a name for one in use.

On SQLite the check of ``addresses.kind`` is changed in the text of the schema, as https://sqlite.org/lang_altertable.html
section 7 has it for CHECK constraints: to copy the table would take long, and forget which ids were given out.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_KINDS, _KINDS_BEFORE = "kind IN ('mailbox', 'alias', 'kept')", "kind IN ('mailbox', 'alias')"
_UNION = "UNION ALL"

# The rows of the view for mail servers that say so of kept names: refused, and above the catch-all.
_KEPT = """\
SELECT d.name, n.local_part, 5, 'refuse', NULL
FROM domains d JOIN addresses n ON n.domain_id = d.id
WHERE d.verified_at IS NOT NULL AND n.kind = 'kept'"""


def upgrade() -> None:
    op.add_column("accounts", sa.Column("keep_deleted_days", sa.Integer(), server_default="0", nullable=False))
    op.create_table(
        "kept_names",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mailbox_id", sa.Integer(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["addresses.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailboxes.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(None, "kept_names", ["mailbox_id"])
    op.create_index(None, "kept_names", ["deleted_at"])
    _change_check(_KINDS_BEFORE, _KINDS)
    _make_view(f"{_view()} {_UNION}\n{_KEPT}")


def downgrade() -> None:
    _make_view(_view().rpartition(_UNION)[0])
    op.execute("DELETE FROM addresses WHERE kind = 'kept'")
    op.drop_table("kept_names")
    _change_check(_KINDS, _KINDS_BEFORE)
    op.drop_column("accounts", "keep_deleted_days")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _change_check(before: str, after: str) -> None:
    if _is_postgresql():
        op.drop_constraint("kind", "addresses", type_="check")
        op.create_check_constraint("kind", "addresses", after)
        return
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    change = "UPDATE sqlite_schema SET sql = replace(sql, :before, :after) WHERE type = 'table' AND name = 'addresses'"
    connection.execute(sa.text(change), {"before": before, "after": after})
    connection.exec_driver_sql(f"PRAGMA schema_version={int(version) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=RESET")


def _view() -> str:
    """Return what ``byname_userdb`` selects."""
    if _is_postgresql():
        return str(op.get_bind().scalar(sa.text("SELECT pg_get_viewdef('byname_userdb'::regclass)"))).rstrip(" ;\n")
    found = op.get_bind().scalar(sa.text("SELECT sql FROM sqlite_schema WHERE name = 'byname_userdb'"))
    return str(found).partition(" AS\n")[2]


def _make_view(query: str) -> None:
    if _is_postgresql():  # the grants on it stay
        op.execute(sa.text(f"CREATE OR REPLACE VIEW byname_userdb AS\n{query}".replace(":", r"\:")))
        return
    op.execute("DROP VIEW byname_userdb")
    op.execute(f"CREATE VIEW byname_userdb AS\n{query}")
