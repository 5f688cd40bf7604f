"""``byname daily`` and ``byname audit prune``: what has had its time goes, and nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from store.clock import utc_now
from store.services import tidying
from store.sql.database import Database
from store.sql.tables import (
    AuditRow,
    Base,
    ChallengeRow,
    DeleteIntentRow,
    HalfSessionRow,
    IdempotencyKeyRow,
    ImportRow,
    MailboxRow,
    MessageRow,
    SessionRow,
    SignInAttemptRow,
    TokenRow,
)
from tests.store.backup.site import Site

NOW = utc_now()
OLD, FRESH = NOW - timedelta(days=90), NOW - timedelta(minutes=1)
MESSAGE = {"sender": "a", "login": "a", "message_id": "<1>", "recipients": "[]", "size": 1}
# table, values of every row, the column of its time; one old and one fresh row of each are put in
ROWS: list[tuple[type[Base], dict[str, Any], str]] = [
    (SessionRow, {"csrf": "c", "created_at": FRESH}, "seen_at"),
    (HalfSessionRow, {}, "created_at"),
    (ChallengeRow, {"challenge": "x"}, "created_at"),
    (SignInAttemptRow, {"failures": 1, "has_succeeded": True}, "last_at"),
    (IdempotencyKeyRow, {"fingerprint": "f", "lines_done": 0}, "created_at"),
    (DeleteIntentRow, {"created_at": FRESH}, "expires_at"),
    (ImportRow, {"started_by": "a", "source": "csv", "state": "done", "lines": 0}, "created_at"),
    (MessageRow, {**MESSAGE, "ended_at": FRESH, "state": "sent"}, "created_at"),
]


@pytest.fixture
def site(world: Database, url: str, tmp_path: Any) -> Site:
    with world.write() as tx:
        john = tx.scalars(select(MailboxRow.id).order_by(MailboxRow.id)).first()
        token = {"kind": "operator", "name": "t", "start": "s", "sha256": "0" * 64, "scopes": ""}
        tx.execute(insert(TokenRow).values(id=1, **token))
        for table, values, moment in ROWS:
            for number, at in enumerate((OLD, FRESH)):
                tx.execute(insert(table).values(**values, **_more(table, number, john), **{moment: at}))
        unfinished = {**MESSAGE, "mailbox_id": john, "created_at": OLD, "state": "accepted"}
        tx.execute(insert(MessageRow).values(**unfinished))
        tx.execute(update(AuditRow).where(AuditRow.id <= 3).values(at=OLD))
    return Site(world, url, tmp_path)


def _more(table: type[Base], number: int, mailbox: int | None) -> dict[str, Any]:
    """What has to differ from row to row, and what a row points at."""
    columns = table.__table__.columns
    unique = {"sha256": f"{number}" * 64, "holder": f"h{number}", "key": f"k{number}"}
    points = {"mailbox_id": mailbox, "token_id": 1}
    return {name: value for name, value in (unique | points).items() if name in columns}


def count(site: Site, table: type[Base]) -> int:
    with site.database.read() as tx:
        return tx.scalar(select(func.count()).select_from(table)) or 0


def test_what_is_old_goes(site: Site) -> None:
    before = {table: count(site, table) for table in (AuditRow, MailboxRow, TokenRow)}
    done = site("daily", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.data["removed"] == {table.__tablename__: 1 for table, _, _ in ROWS}
    left = {table: count(site, table) for table, _, _ in ROWS}
    assert left == {table: 2 if table is MessageRow else 1 for table, _, _ in ROWS}
    assert {table: count(site, table) for table in before} == before
    assert site("daily").out == ""


def test_the_log_of_changes_goes_when_the_settings_say_so(site: Site) -> None:
    site.config.write_text(site.config.read_text() + "audit.keep_days = 80\n")
    before = count(site, AuditRow)
    assert site("daily", "--json").data["removed"]["audit_log"] == 3
    newest = site("audit", "--limit", "1", "--json").data["data"][0]
    assert (newest["action"], newest["after"]["entries"]) == ("audit.prune", 3)
    assert count(site, AuditRow) == before - 3 + 1
    assert site("daily", "--json").data["removed"]["audit_log"] == 0


def test_pruning_by_hand(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "AT_ONCE", 2)  # more than one transaction
    before = count(site, AuditRow)
    assert site("audit", "prune", "--older-than", "80d", "--dry-run").out.startswith("3 entries from before ")
    assert count(site, AuditRow) == before
    done = site("audit", "prune", "--older-than", "80d", "--json")
    assert (done.code, done.data["entries"], done.data["dry_run"]) == (0, 3, False)
    assert count(site, AuditRow) == before - 2
    assert site("audit", "prune", "--older-than", "80d").out.startswith("0 entries from before ")


@pytest.mark.parametrize("arguments", [[], ["--older-than", "soon"], ["--older-than", "0d"]])
def test_a_length_of_time_is_needed(site: Site, arguments: list[str]) -> None:
    assert site("audit", "prune", *arguments).code == 2
