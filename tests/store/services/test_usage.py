"""What people see at a glance: the fullest mailboxes of an account, and accounts by plan and state."""

from store.services import accounts, aliases, mailboxes, tokens, usage
from store.services.accounts import head
from store.sql.database import Database
from store.sql.tenant import Acting

PREFIXES = ("a_", "m_", "o_")


def test_the_fullest_mailboxes(world: Database) -> None:
    with world.write() as tx:
        for number in range(7):
            mailboxes.add(tx, f"person-{number}@brand-b.com", "correct horse")
            for one in range(number):
                aliases.add(tx, f"name-{number}-{one}@brand-a.com", f"person-{number}@brand-b.com")
        aliases.add(tx, "shop@rival.com", "eve@rival.com")
        acme, rival = accounts.get(tx, "acme").id, accounts.get(tx, "rival").id
    for acting in (Acting(), Acting(account_id=acme)):
        with world.read(acting) as tx:
            found = usage.fullest(tx, acme)
            assert [(one.local_part, one.alias_count) for one in found] == [
                (f"person-{number}", number) for number in (6, 5, 4, 3, 2)
            ]
            assert [one.address for one in usage.fullest(tx, rival)] == ["eve@rival.com"] * (acting.account_id is None)
            assert len(usage.fullest(tx, acme, most=100)) == 6


def test_accounts_by_plan_and_state(world: Database) -> None:
    with world.write() as tx:
        accounts.create(tx, "new", "pro", is_trial=True)
        accounts.create(tx, "paid", "pro", is_trial=True)
        accounts.update(tx, "paid", paid=True, is_active=False)
    with world.read() as tx:
        found = usage.accounts(tx)
        name = head(tx, accounts.get(tx, "paid").id)
    assert list(found.by_plan.items()) == [("nano", 0), ("starter", 1), ("pro", 2), ("agency", 1)]
    assert (found.total, found.unpaid_trials, found.suspended) == (4, 1, 1)
    assert (name.name, name.plan, name.is_active) == ("paid", "pro", False)


def test_tokens_of_one_account_or_of_operators(world: Database) -> None:
    with world.write() as tx:
        acme, rival = accounts.get(tx, "acme").id, accounts.get(tx, "rival").id
        made = [
            tokens.create(tx, name=name, kind=kind, account=account, mailbox=mailbox, prefixes=PREFIXES).token
            for name, kind, account, mailbox in (
                ("site", "account", acme, None), ("mail", "message", None, "john@brand-a.com"),
                ("site", "account", rival, None), ("site", "operator", None, None),
            )
        ]  # fmt: skip
        assert [one.id for one in tokens.page(tx, account=acme).items] == [made[1].id, made[0].id]
        assert [one.id for one in tokens.page(tx, account=None).items] == [made[3].id]
        assert tokens.page(tx).total == 4
        assert tokens.latest(tx, account=acme) == made[1].id
        assert tokens.latest(tx, account=acme, name="site") == made[0].id
        assert tokens.latest(tx, account=acme, name="nothing") == 0
    with world.read() as tx:
        john = mailboxes.get(tx, "john@brand-a.com").id
        assert mailboxes.addresses(tx, {john, 4711}) == {john: "john@brand-a.com"}
