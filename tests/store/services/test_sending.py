"""Messages of programs in the store, on both databases: who sees them, and how they are taken in hand and noted."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from store.clock import utc_now
from store.errors import ServiceError
from store.services import lookup
from store.services.sending import accepting, handing_over, kept
from store.services.sending.accepting import Outgoing, Sender
from store.services.sending.kept import RefusedRecipient
from store.sql.database import Database
from store.sql.tables import AuditRow, MailboxRow
from store.sql.tenant import made_once
from tests.store.services.owned import two_accounts

JOHN = "john@brand-a.com"
LEASE = timedelta(seconds=30)


def message(number: int) -> Outgoing:
    return Outgoing(JOHN, JOHN, f"<{number}@brand-a.com>", ("ann@outside.example",), b"Subject: x\r\n\r\nbye\r\n")


def test_a_statement_that_is_made_once_is_held_to_each_account_anew(world: Database) -> None:
    owners = two_accounts(world)
    every = made_once(select(MailboxRow.id))
    for _ in range(2):
        for own, other in (owners, owners[::-1]):
            with world.read(own.acting) as tx:
                assert tx.scalars(every).all() == [own.mailbox]
                assert lookup.mailbox_by_id(tx, own.mailbox).account.id == own.account
                for wanted in (other.mailbox, 0, 2**40):
                    with pytest.raises(ServiceError, match="no mailbox"):
                        lookup.mailbox_by_id(tx, wanted)
    with world.read() as tx:
        assert len(tx.scalars(every).all()) == 2


def test_accepted_with_an_entry_in_the_audit_log(world: Database) -> None:
    acme, rival = two_accounts(world)
    found = {one: accepting.sender(world, one.mailbox, one.account) for one in (acme, rival)}
    with pytest.raises(ServiceError, match="no mailbox"):
        accepting.sender(world, rival.mailbox, acme.account)
    with world.write(acme.acting) as tx:
        made = accepting.accept(tx, found[acme], message(1), per_day=2)
    with world.read(acme.acting) as tx:
        assert kept.get(tx, acme.mailbox, made.id) == made
        entry = tx.scalars(select(AuditRow).where(AuditRow.action == "message.send")).one()
        assert (entry.object_id, entry.account_id, entry.name) == (made.id, acme.account, JOHN)
    for mailbox, code in ((found[acme], "rate-limited"), (found[rival], "not-found")):
        with pytest.raises(ServiceError) as error, world.write(acme.acting) as tx:
            accepting.accept(tx, mailbox, message(2), per_day=1)
        assert error.value.code == code


def test_taken_and_noted(world: Database) -> None:
    """Each outcome; the one that came too late counts only if the mail server has the message."""
    now = utc_now() + timedelta(seconds=1)
    with world.write() as tx:
        mailbox = Sender.of(lookup.mailbox(tx, JOHN))
        ids = [accepting.accept(tx, mailbox, message(number), per_day=9).id for number in range(4)]
        rows = tx.connection()
        taken = [handing_over.take(rows, now, LEASE) for _ in ids]
        assert [one and (one.id, one.attempt, one.is_first) for one in taken] == [(one, 1, True) for one in ids]
        assert handing_over.take(rows, now, LEASE) is None
        first, second, third, fourth = (one for one in taken if one is not None)
        refused = [RefusedRecipient("b@outside.example", "550 no")]
        assert handing_over.note(rows, first, handing_over.sent("250 ok", "4Xyz", refused), now)
        assert handing_over.note(rows, second, handing_over.rejected("550 no"), now)
        assert handing_over.note(rows, third, handing_over.again("451 later", LEASE), now)
        assert handing_over.note(rows, fourth, handing_over.asked_again("broke", LEASE), now)
        ends = [kept.get_any(tx, one) for one in ids]
        assert [one.status for one in ends] == ["sent", "refused", "accepted", "submitting"]
        assert (ends[0].queue_id, ends[0].refused, ends[1].code) == ("4Xyz", tuple(refused), "rejected-by-mta")
    with world.write_rows() as rows:
        later = [handing_over.take(rows, now + LEASE * 2, LEASE) for _ in range(3)]
        assert [one and (one.id, one.attempt, one.is_first) for one in later] == [
            (third.id, 2, True),
            (fourth.id, 2, False),
            None,
        ]
        assert not handing_over.note(rows, third, handing_over.rejected("550 no"), now)
        assert handing_over.note(rows, fourth, handing_over.sent("250 ok", None), now)
        assert not handing_over.note(rows, fourth, handing_over.sent("250 ok", None), now)
