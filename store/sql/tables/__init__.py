"""The tables, by what they are for.

The migrations build exactly these; a test and ``byname db check`` compare the two.
"""

from store.sql.tables.base import Base, UtcDateTime
from store.sql.tables.changes import AuditRow, ClockRow, MapFileRow, OutboxRow
from store.sql.tables.factors import ChallengeRow, HalfSessionRow, PasskeyRow, RecoveryCodeRow, TotpRow
from store.sql.tables.filters import (
    FOREIGN,
    INSTALLED,
    OFF,
    PENDING,
    SCRIPT_REFUSED,
    FilterRuleRow,
    FilterScriptRow,
)
from store.sql.tables.imports import APPLIED, APPLYING, CHECKED, CHECKING, ImportRow
from store.sql.tables.messages import (
    ACCEPTED,
    COPY_FAILED,
    COPY_KEPT,
    COPY_PENDING,
    NO_COPY,
    REFUSED,
    SENT,
    SUBMITTING,
    UNKNOWN,
    MessageRow,
)
from store.sql.tables.names import (
    ALIAS,
    KEPT,
    MAILBOX,
    AccountRow,
    AddressRow,
    AliasRow,
    CatchAllRow,
    DomainRow,
    KeptNameRow,
    MailboxRow,
    RandomAliasDomainRow,
    SystemMailboxRow,
)
from store.sql.tables.people import ADMIN, VIEWER, AdminRow, SessionRow, SignInAttemptRow
from store.sql.tables.proofs import DONE, QUEUED, RUNNING, DnsCheckRow, DomainProofRow
from store.sql.tables.requests import DeleteIntentRow, IdempotencyKeyRow, ImportChunkRow, TokenRow
from store.sql.tables.statistics import ACCEPTED_MAIL, AliasDayRow, AliasSenderRow, AliasTotalRow, CountBatchRow

# For mail servers that ask the database themselves; made by migration 0002, which says what they hold.
VIEWS = ("byname_mailboxes", "byname_userdb")

__all__ = [
    "ACCEPTED",
    "ACCEPTED_MAIL",
    "ADMIN",
    "ALIAS",
    "APPLIED",
    "APPLYING",
    "CHECKED",
    "CHECKING",
    "COPY_FAILED",
    "COPY_KEPT",
    "COPY_PENDING",
    "DONE",
    "FOREIGN",
    "INSTALLED",
    "KEPT",
    "MAILBOX",
    "NO_COPY",
    "OFF",
    "PENDING",
    "QUEUED",
    "REFUSED",
    "RUNNING",
    "SCRIPT_REFUSED",
    "SENT",
    "SUBMITTING",
    "UNKNOWN",
    "VIEWER",
    "VIEWS",
    "AccountRow",
    "AddressRow",
    "AdminRow",
    "AliasDayRow",
    "AliasRow",
    "AliasSenderRow",
    "AliasTotalRow",
    "AuditRow",
    "Base",
    "CatchAllRow",
    "ChallengeRow",
    "ClockRow",
    "CountBatchRow",
    "DeleteIntentRow",
    "DnsCheckRow",
    "DomainProofRow",
    "DomainRow",
    "FilterRuleRow",
    "FilterScriptRow",
    "HalfSessionRow",
    "IdempotencyKeyRow",
    "ImportChunkRow",
    "ImportRow",
    "KeptNameRow",
    "MailboxRow",
    "MapFileRow",
    "MessageRow",
    "OutboxRow",
    "PasskeyRow",
    "RandomAliasDomainRow",
    "RecoveryCodeRow",
    "SessionRow",
    "SignInAttemptRow",
    "SystemMailboxRow",
    "TokenRow",
    "TotpRow",
    "UtcDateTime",
]
