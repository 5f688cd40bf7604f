"""What every directory must answer, as functions over a directory and a way to change what it stands for.

``fill`` runs one change, a function over a store transaction, and returns when the directory can know of it. So the
same cases hold for SQL and for any cache in front of it.
"""

from collections.abc import Callable
from typing import Any

from routing.address import Address
from routing.directory import Directory
from routing.people import people_of
from routing.policy import Policy
from routing.recipient import resolve
from routing.records import Alias, HostedDomain, Mailbox, kept_name
from routing.sender_rules import SenderRules
from store.services import (
    account_settings,
    accounts,
    aliases,
    domain_settings,
    domains,
    kept_names,
    lookup,
    mailboxes,
)
from store.sql import changed_fields
from store.sql.tenant import Transaction
from store.wire_format.people import name_key
from store.wire_format.sender_rules import rules_text

Fill = Callable[[Callable[[Transaction], object]], None]

JOHN, MARY = Address("john", "brand-a.com"), Address("mary", "brand-a.com")
SALES = Address("sales", "brand-b.com")
PASSWORD = "correct horse"
LISTED = SenderRules("listed", ("ann@x.test", ".y.test"))


def base(tx: Transaction) -> None:
    """Account acme with brand-a.com (john, mary) and brand-b.com (alias sales of john)."""
    accounts.create(tx, "acme", "starter")
    domains.add(tx, "brand-a.com", account="acme", verified=True)
    domains.add(tx, "brand-b.com", account="acme", verified=True)
    mailboxes.add(tx, str(JOHN), PASSWORD)
    mailboxes.add(tx, str(MARY), PASSWORD)
    aliases.add(tx, str(SALES), str(JOHN))


def nothing_is_hosted(directory: Directory, fill: Fill) -> None:
    assert directory.lookup([JOHN]) == {}
    assert directory.lookup([]) == {}


def a_pending_domain_is_not_hosted(directory: Directory, fill: Fill) -> None:
    def change(tx: Transaction) -> None:
        for account in ("acme", "rival"):
            accounts.create(tx, account, "starter")
            domains.add(tx, "brand-a.com", account=account)

    fill(change)
    assert directory.lookup([JOHN]) == {}


def the_proved_one_of_several_answers(directory: Directory, fill: Fill) -> None:
    def change(tx: Transaction) -> None:
        base(tx)
        accounts.create(tx, "rival", "starter")
        domains.add(tx, "brand-a.com", account="rival")
        accounts.update(tx, "rival", is_active=False)

    fill(change)
    hosted = directory.lookup([JOHN])["brand-a.com"]
    assert hosted.account_active
    assert hosted.names == {"john": Mailbox(JOHN)}


def an_empty_domain(directory: Directory, fill: Fill) -> None:
    def change(tx: Transaction) -> None:
        accounts.create(tx, "acme", "starter")
        domains.add(tx, "brand-a.com", account="acme", verified=True)

    fill(change)
    assert directory.lookup([JOHN]) == {"brand-a.com": HostedDomain("brand-a.com")}


def names_of_both_kinds(directory: Directory, fill: Fill) -> None:
    fill(base)
    nobody = Address("nobody", "brand-a.com")
    assert directory.lookup([JOHN, nobody, SALES, Address("x", "elsewhere.org")]) == {
        "brand-a.com": HostedDomain("brand-a.com", oldest_mailbox=Mailbox(JOHN), names={"john": Mailbox(JOHN)}),
        "brand-b.com": HostedDomain("brand-b.com", names={"sales": Alias(Mailbox(JOHN))}),
    }


def only_the_wanted_pairs(directory: Directory, fill: Fill) -> None:
    def change(tx: Transaction) -> None:
        base(tx)
        mailboxes.add(tx, "mary@brand-b.com", PASSWORD)

    fill(change)
    found = directory.lookup([JOHN, Address("mary", "brand-b.com")])
    assert set(found["brand-a.com"].names) == {"john"}
    assert set(found["brand-b.com"].names) == {"mary"}


def flags_of_an_alias(directory: Directory, fill: Fill) -> None:
    fill(base)
    for is_active in (True, False):
        for can_receive in (True, False):
            for can_send in (True, False):
                flags: dict[str, Any] = {"is_active": is_active, "can_receive": can_receive, "can_send": can_send}
                fill(lambda tx, flags=flags: aliases.update(tx, str(SALES), **flags))  # type: ignore[misc]
                assert directory.lookup([SALES])["brand-b.com"].names["sales"] == Alias(Mailbox(JOHN), **flags)


def limits_of_an_alias(directory: Directory, fill: Fill) -> None:
    """From when on it is off, and who may write to it; beside it one without limits."""
    fill(base)
    for off_at, senders in ((1_800_000_000, None), (None, LISTED), (1, LISTED), (None, None)):

        def limit(tx: Transaction, off_at: int | None = off_at, senders: SenderRules | None = senders) -> None:
            alias = lookup.alias(tx, str(SALES)).alias
            alias.off_at, alias.senders = off_at, rules_text(senders) if senders else None
            changed_fields.name(tx, "brand-b.com", "sales")

        fill(limit)
        expected = Alias(Mailbox(JOHN), expires_at=off_at, senders=senders)
        assert directory.lookup([SALES, JOHN])["brand-b.com"].names == {"sales": expected}
        if senders is None:
            assert _rules(directory, 1_799_999_999) == ("alias" if off_at != 1 else "alias-expired")
            assert _rules(directory, 1_800_000_000) == ("alias" if off_at is None else "alias-expired")


def _rules(directory: Directory, at: int) -> str:
    return resolve(directory, Policy(), SALES, at).rule


def states_of_mailbox_domain_and_account(directory: Directory, fill: Fill) -> None:
    fill(base)
    fill(lambda tx: mailboxes.update(tx, str(JOHN), is_active=False))
    john = Mailbox(JOHN, is_active=False)
    assert directory.lookup([JOHN])["brand-a.com"].names == {"john": john}
    fill(lambda tx: domain_settings.update(tx, "brand-a.com", is_active=False))
    john = Mailbox(JOHN, is_active=False, domain_active=False)
    found = directory.lookup([JOHN, SALES])
    assert (found["brand-a.com"].is_active, found["brand-b.com"].is_active) == (False, True)
    assert found["brand-a.com"].names["john"] == john
    assert found["brand-b.com"].names["sales"] == Alias(john)
    fill(lambda tx: accounts.update(tx, "acme", is_active=False))
    found = directory.lookup([JOHN, SALES])
    john = Mailbox(JOHN, is_active=False, domain_active=False, account_active=False)
    assert [found[name].account_active for name in ("brand-a.com", "brand-b.com")] == [False, False]
    assert found["brand-b.com"].names["sales"] == Alias(john)


def the_catch_all(directory: Directory, fill: Fill) -> None:
    fill(base)
    unknown = Address("nobody", "brand-b.com")
    fill(lambda tx: domain_settings.update(tx, "brand-b.com", catch_all=str(MARY)))
    assert directory.lookup([unknown])["brand-b.com"].catch_all == Mailbox(MARY)
    fill(pause_mary_all_the_same)
    assert directory.lookup([unknown])["brand-b.com"].catch_all == Mailbox(MARY, is_active=False)
    fill(lambda tx: domain_settings.update(tx, "brand-b.com", no_catch_all=True))
    assert directory.lookup([unknown])["brand-b.com"].catch_all is None


def pause_mary_all_the_same(tx: Transaction) -> None:
    """What the service refuses while a catch-all leads there, and what an older Byname may have left behind."""
    mary = lookup.mailbox(tx, str(MARY)).mailbox
    mary.is_active = False
    changed_fields.mailbox(tx, mary.id)


def the_system_mailbox(directory: Directory, fill: Fill) -> None:
    fill(base)
    postmaster = Address("postmaster", "brand-b.com")
    assert directory.lookup([postmaster])["brand-b.com"].system_mailbox is None
    fill(lambda tx: domain_settings.update(tx, "brand-b.com", system_mailbox=str(MARY)))
    assert directory.lookup([postmaster])["brand-b.com"].system_mailbox == Mailbox(MARY)


def the_oldest_mailbox_not_paused(directory: Directory, fill: Fill) -> None:
    fill(base)
    unknown = Address("nobody", "brand-a.com")
    for paused, oldest in ((None, Mailbox(JOHN)), (JOHN, Mailbox(MARY)), (MARY, None)):
        if paused:
            fill(lambda tx, paused=paused: mailboxes.update(tx, str(paused), is_active=False))  # type: ignore[misc]
        assert directory.lookup([unknown])["brand-a.com"].oldest_mailbox == oldest


def a_removed_name_is_unknown(directory: Directory, fill: Fill) -> None:
    fill(base)
    fill(lambda tx: aliases.remove(tx, str(SALES)))
    assert directory.lookup([SALES])["brand-b.com"].names == {}
    fill(lambda tx: aliases.add(tx, str(SALES), str(MARY), can_send=True))
    assert directory.lookup([SALES])["brand-b.com"].names == {"sales": Alias(Mailbox(MARY), can_send=True)}
    fill(lambda tx: domains.remove(tx, "brand-b.com", confirmed=True))
    assert directory.lookup([SALES]) == {}


def a_deleted_name_that_is_kept(directory: Directory, fill: Fill) -> None:
    def delete(tx: Transaction) -> None:
        account_settings.update(tx, "acme", keep_deleted_days=30)
        aliases.remove(tx, str(SALES))

    fill(base)
    fill(delete)
    assert directory.lookup([SALES])["brand-b.com"].names == {"sales": kept_name(SALES)}
    fill(lambda tx: domain_settings.update(tx, "brand-b.com", is_active=False))
    assert directory.lookup([SALES])["brand-b.com"].names == {"sales": kept_name(SALES, domain_active=False)}
    fill(lambda tx: domain_settings.update(tx, "brand-b.com", is_active=True))
    fill(lambda tx: mailboxes.remove(tx, str(MARY)))
    assert directory.lookup([MARY])["brand-a.com"].names == {"mary": kept_name(MARY)}
    fill(lambda tx: kept_names.free(tx, str(SALES)))
    assert directory.lookup([SALES])["brand-b.com"].names == {}
    fill(lambda tx: aliases.add(tx, str(SALES), str(JOHN)))
    assert directory.lookup([SALES])["brand-b.com"].names == {"sales": Alias(Mailbox(JOHN))}


def odd_local_parts_match_nothing(directory: Directory, fill: Fill) -> None:
    fill(base)
    odd = [
        "",
        " ",
        "j%",
        "joh_",
        "John",
        "jo\x00hn",
        "jöhn",
        "\udce9",
        "'; --",
        '"',
        "\\",
        "john ",
        "x" * 5000,
        "\u212a",
    ]
    found = directory.lookup([Address(local, "brand-a.com") for local in odd])
    assert found["brand-a.com"].names == {}


def many_at_once(directory: Directory, fill: Fill) -> None:
    fill(base)
    wanted = [Address(f"{local}{number}", domain) for domain in ("brand-a.com", "brand-b.com", "none.example")
              for local in ("sales", "john") for number in ("", *range(200))]  # fmt: skip
    found = directory.lookup(wanted)
    assert {name: set(domain.names) for name, domain in found.items()} == {
        "brand-a.com": {"john"},
        "brand-b.com": {"sales"},
    }


def the_people_of_each_account(directory: Directory, fill: Fill) -> None:
    """Who bears a name, by key, in one account and in no other; what the account is stands with its domains."""
    poe, doe = str(name_key("Mary Poe")), str(name_key("John Doe"))

    def change(tx: Transaction) -> None:
        base(tx)
        accounts.create(tx, "rival", "starter")
        domains.add(tx, "rival.org", account="rival", verified=True)
        mailboxes.add(tx, "poe@rival.org", PASSWORD, display_name="Poe, Mary")
        mailboxes.update(tx, str(MARY), display_name="Mary Poe")
        mailboxes.update(tx, str(JOHN), display_name="John")

    fill(change)
    hosted = directory.lookup([JOHN, SALES, Address("poe", "rival.org")])
    acme, rival = hosted["brand-a.com"].account, hosted["rival.org"].account
    assert hosted["brand-b.com"].account == acme != rival
    ours, theirs = people_of(acme), people_of(rival)

    def who(*keys: str, place: str = ours) -> dict[str, Address]:
        found = directory.lookup([*(Address(key, place) for key in keys), JOHN]).get(place, HostedDomain(place))
        return {key: name.mailbox.address for key, name in found.names.items() if isinstance(name, Alias)}

    assert who(poe, doe) == {poe: MARY}
    assert who(poe, doe, place=theirs) == {poe: Address("poe", "rival.org")}
    assert who(poe, place=people_of(4711)) == who("john") == {}
    assert directory.lookup([Address(poe, ours)])[ours].names[poe] == Alias(Mailbox(MARY), can_receive=False)
    fill(lambda tx: mailboxes.update(tx, str(MARY), display_name="John Doe"))
    assert who(poe, doe) == {doe: MARY}
    fill(lambda tx: mailboxes.remove(tx, str(MARY)))
    assert who(poe, doe) == {}
    assert who(poe, place=theirs) == {poe: Address("poe", "rival.org")}
    fill(lambda tx: domains.remove(tx, "rival.org", confirmed=True))
    assert who(poe, place=theirs) == {}


CONTRACT = (
    the_people_of_each_account,
    nothing_is_hosted,
    a_pending_domain_is_not_hosted,
    the_proved_one_of_several_answers,
    an_empty_domain,
    names_of_both_kinds,
    only_the_wanted_pairs,
    flags_of_an_alias,
    limits_of_an_alias,
    states_of_mailbox_domain_and_account,
    the_catch_all,
    the_system_mailbox,
    the_oldest_mailbox_not_paused,
    a_removed_name_is_unknown,
    a_deleted_name_that_is_kept,
    odd_local_parts_match_nothing,
    many_at_once,
)
