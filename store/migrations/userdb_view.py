"""The view ``byname_userdb``, as migrations make it (0002 says what it holds, 0015 when an alias is off)."""

# The domain's system mailbox unless paused, else its oldest mailbox that is not.
_STEWARD = """\
JOIN byname_mailboxes t ON t.id = COALESCE(
    (SELECT s.mailbox_id FROM system_mailboxes s JOIN mailboxes m ON m.id = s.mailbox_id
        WHERE s.domain_id = d.id AND m.is_active),
    (SELECT min(n.id) FROM addresses n JOIN mailboxes m ON m.id = n.id
        WHERE n.domain_id = d.id AND n.kind = 'mailbox' AND m.is_active))"""

RECEIVES = "(a.is_active AND a.can_receive)"


def userdb_view(receives: str) -> str:
    """Return the statement that makes the view; ``receives`` says of an alias ``a`` that it takes mail.

    Its rows are those of docs/design.md, section 3 that may apply to a name, in order of priority; the first one found
    decides. Besides local parts, name holds three marks that no local part can be: @domain applies to every name of the
    domain, @system to its system addresses, @rest to what no name claims.
    """
    return f"""\
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
    CASE WHEN a.id IS NULL OR {receives} THEN t.outcome ELSE 'refuse' END, t.mailbox
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
