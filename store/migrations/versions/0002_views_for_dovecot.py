"""Views for mail servers that ask the store themselves: Dovecot's userdb and passdb, the paths of Postfix's virtual(8).

``byname_mailboxes`` has a row for each mailbox, ``byname_userdb`` what a written name leads to; conf/dovecot holds the
queries. Other programs depend on the columns: a migration may add some, and take none away. One that rebuilds a table
on SQLite must drop both views first and make them again afterwards, and the grants on them on PostgreSQL.
"""

from alembic import op

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

# The domain's system mailbox unless paused, else its oldest mailbox that is not.
_STEWARD = """\
JOIN byname_mailboxes t ON t.id = COALESCE(
    (SELECT s.mailbox_id FROM system_mailboxes s JOIN mailboxes m ON m.id = s.mailbox_id
        WHERE s.domain_id = d.id AND m.is_active),
    (SELECT min(n.id) FROM addresses n JOIN mailboxes m ON m.id = n.id
        WHERE n.domain_id = d.id AND n.kind = 'mailbox' AND m.is_active))"""

# The rows of docs/design.md, section 3 that may apply to a name, in order of priority; the first one found decides.
# Besides local parts, name holds three marks that no local part can be: @domain applies to every name of the domain,
# @system to its system addresses, @rest to what no name claims.
_USERDB = f"""\
CREATE VIEW byname_userdb AS
SELECT d.name AS domain, 'postmaster' AS name, 2 AS priority, 'deliver' AS outcome, t.mailbox
FROM domains d {_STEWARD}
WHERE d.verified_at IS NOT NULL
UNION ALL
SELECT d.name, 'postmaster', 3, 'nobody', NULL
FROM domains d
WHERE d.verified_at IS NOT NULL
UNION ALL
SELECT d.name, '@domain', 4, CASE WHEN d.is_active THEN 'suspended' ELSE 'refuse' END, NULL
FROM domains d JOIN accounts c ON c.id = d.account_id
WHERE d.verified_at IS NOT NULL AND NOT (d.is_active AND c.is_active)
UNION ALL
SELECT d.name, n.local_part, 5,
    CASE WHEN a.id IS NULL OR (a.is_active AND a.can_receive) THEN t.outcome ELSE 'refuse' END, t.mailbox
FROM domains d JOIN addresses n ON n.domain_id = d.id LEFT JOIN aliases a ON a.id = n.id
JOIN byname_mailboxes t ON t.id = COALESCE(a.mailbox_id, n.id)
WHERE d.verified_at IS NOT NULL
UNION ALL
SELECT d.name, '@system', 9, 'deliver', t.mailbox
FROM domains d {_STEWARD}
WHERE d.verified_at IS NOT NULL
UNION ALL
SELECT d.name, '@rest', 11, 'deliver', t.mailbox
FROM domains d JOIN catch_alls r ON r.domain_id = d.id JOIN byname_mailboxes t ON t.id = r.mailbox_id
WHERE d.verified_at IS NOT NULL AND r.enabled AND t.outcome = 'deliver'"""  # noqa: S608 - both texts are ours


def upgrade() -> None:
    op.execute(_MAILBOXES)
    op.execute(_USERDB)


def downgrade() -> None:
    op.execute("DROP VIEW byname_userdb")
    op.execute("DROP VIEW byname_mailboxes")
