"""Views for mail servers that ask the store themselves: Dovecot's userdb and passdb, the paths of Postfix's virtual(8).

``byname_mailboxes`` has a row for each mailbox, ``byname_userdb`` what a written name leads to; conf/dovecot holds the
queries. Other programs depend on the columns: a migration may add some, and take none away. One that rebuilds a table
on SQLite must drop both views first and make them again afterwards, and the grants on them on PostgreSQL.
"""

from alembic import op

from store.migrations.userdb_view import RECEIVES, userdb_view

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# outcome: deliver; refuse (550); suspended, to which a site's policy says 451 or 550. In byname_userdb also nobody: the
# domain has no mailbox for its postmaster yet (451).
_MAILBOXES = """\
CREATE VIEW byname_mailboxes AS
SELECT n.id, n.local_part AS name, d.name AS domain, n.local_part || '@' || d.name AS mailbox, m.password_hash,
    CASE WHEN NOT d.is_active THEN 'refuse' WHEN NOT c.is_active THEN 'suspended' WHEN m.is_active THEN 'deliver'
        ELSE 'refuse' END AS outcome, m.is_active
FROM mailboxes m
JOIN addresses n ON n.id = m.id
JOIN domains d ON d.id = n.domain_id
JOIN accounts c ON c.id = d.account_id
WHERE d.verified_at IS NOT NULL"""


def upgrade() -> None:
    op.execute(_MAILBOXES)
    op.execute(userdb_view(RECEIVES))


def downgrade() -> None:
    op.execute("DROP VIEW byname_userdb")
    op.execute("DROP VIEW byname_mailboxes")
