"""Tokens: who may have which scopes, finding one by its secret, and what is kept of it."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from store import token_format
from store.clock import utc_now
from store.errors import ServiceError, StoreNotReady
from store.services import aliases, mailboxes, tokens
from store.services.scopes import SCOPES, effective, granted
from store.sql.database import Database
from store.sql.tables import AuditRow, TokenRow
from store.sql.tenant import Acting
from tests.store.refusals import refused
from tests.store.services.owned import PREFIXES

JOHN = "john@brand-a.com"
ALL_OF_ACCOUNTS = SCOPES["account"]
OWNERS: dict[str, dict[str, str]] = {"account": {"account": "acme"}, "message": {"mailbox": JOHN}, "operator": {}}


def make(database: Database, kind: str = "account", **options: object) -> tokens.NewToken:
    with database.write() as tx:
        return tokens.create(tx, name="a test", kind=kind, prefixes=PREFIXES, **{**OWNERS[kind], **options})  # type: ignore[arg-type]


def find(database: Database, secret: str) -> tokens.TokenView | None:
    shown = tokens.find(database, secret, utc_now())
    return None if shown is None else shown.token


@pytest.mark.parametrize(
    ("kind", "prefix", "account_id", "mailbox_id"),
    [("account", "bn_ops_", 1, None), ("message", "bn_msg_", 1, 1), ("operator", "bn_opr_", None, None)],
)
def test_made_and_found(
    world: Database, kind: str, prefix: str, account_id: int | None, mailbox_id: int | None
) -> None:
    made = make(world, kind)
    assert made.secret.startswith(prefix)
    assert find(world, made.secret) == made.token
    assert made.secret not in repr(made)
    view = made.token
    assert (view.kind, view.account_id, view.mailbox_id) == (kind, account_id, mailbox_id)
    assert (view.scopes, view.start) == (SCOPES[kind], made.secret[:11])
    assert (view.expires_at, view.last_used_at) == (None, None)


def test_the_secret_is_nowhere(world: Database) -> None:
    made = make(world)
    with world.read() as tx:
        row = tx.scalars(select(TokenRow)).one()
        noted = tx.scalars(select(AuditRow).where(AuditRow.object_type == "token")).one()
        kept = [str(value) for value in vars(row).values()]
        noted_values = json.dumps([noted.before, noted.after])
    assert row.sha256 == token_format.digest(made.secret)
    assert not any(made.secret in text for text in [*kept, noted_values])
    assert row.sha256 not in noted_values


@pytest.mark.parametrize("spoil", [lambda s: s[:-1] + "~", lambda s: s[:-1], lambda s: "x" + s, lambda s: ""])
def test_a_malformed_secret_costs_no_query(world: Database, spoil: object) -> None:
    secret = spoil(make(world).secret)  # type: ignore[operator]
    nowhere = Database.open("sqlite:////nowhere/byname.db")
    assert tokens.find(nowhere, secret, utc_now()) is None
    with pytest.raises(StoreNotReady):
        tokens.find(nowhere, make(world).secret, utc_now())


def test_unknown_and_expired(world: Database) -> None:
    assert find(world, token_format.make("bn_ops_")) is None
    end = utc_now() + timedelta(hours=1)
    made = make(world, expires_at=end)
    shown = tokens.find(world, made.secret, end - timedelta(seconds=1))
    assert shown == tokens.ShownToken(made.token, is_suspended=False)
    assert tokens.find(world, made.secret, end) is None


def test_removed(world: Database) -> None:
    made = make(world)
    with world.write() as tx:
        assert tokens.remove(tx, made.token.id) == made.token
    assert find(world, made.secret) is None
    with refused(world, "not-found"), world.write() as tx:
        tokens.remove(tx, made.token.id)


def test_tokens_go_with_what_they_are_of(world: Database) -> None:
    made = make(world, "message")
    with world.write() as tx:
        mailboxes.remove(tx, JOHN)
    assert find(world, made.secret) is None


@pytest.mark.parametrize(
    ("kind", "options", "code"),
    [
        ("account", {"account": "nobody"}, "not-found"),
        ("account", {"account": None}, "invalid-request"),
        ("account", {"mailbox": JOHN}, "invalid-request"),
        ("message", {"mailbox": "nobody@brand-a.com"}, "not-found"),
        ("operator", {"account": "acme"}, "invalid-request"),
        ("account", {"expires_at": utc_now() - timedelta(seconds=1)}, "invalid-request"),
        ("account", {"scopes": []}, "invalid-request"),
        ("account", {"scopes": ["messages:send"]}, "invalid-request"),
        ("account", {"scopes": ["aliases:write", "made:up"]}, "invalid-request"),
        ("message", {"scopes": ["tokens:write"]}, "invalid-request"),
        ("account", {"scopes": ["domains:write"], "maker": ["aliases:write"]}, "insufficient-scope"),
        ("message", {"maker": ["domains:read", "tokens:write"]}, "insufficient-scope"),
    ],
)
def test_refused(world: Database, kind: str, options: dict[str, object], code: str) -> None:
    with refused(world, code):
        make(world, kind, **options)


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb", " a"])
def test_names(world: Database, name: str) -> None:
    with refused(world, "invalid-request"), world.write() as tx:
        tokens.create(tx, name=name, kind="operator", prefixes=PREFIXES)


@pytest.mark.parametrize(
    ("held", "found"),
    [
        (["mailboxes:read"], {"mailboxes:read", "aliases:read", "rules:read"}),
        (
            ["mailboxes:write"],
            {"mailboxes:write", "mailboxes:read", "aliases:write", "aliases:read", "rules:write", "rules:read"},
        ),
        (["aliases:write"], {"aliases:write", "aliases:read"}),
        (["domains:write"], {"domains:write", "domains:read"}),
        (["tokens:write"], {"tokens:write"}),
        (["messages:send"], {"messages:send"}),
        ([], set()),
    ],
)
def test_what_scopes_imply(held: list[str], found: set[str]) -> None:
    assert effective(held) == found


@pytest.mark.parametrize(
    ("kind", "wanted", "maker", "found"),
    [
        ("account", None, None, ALL_OF_ACCOUNTS),
        ("account", ["rules:read", "aliases:read"], None, ("aliases:read", "rules:read")),
        ("account", None, ["aliases:write", "tokens:write"], ("aliases:read", "aliases:write", "tokens:write")),
        ("account", ["rules:read"], ["mailboxes:read"], ("rules:read",)),
        ("message", None, ["mailboxes:write"], ("aliases:write", "rules:read", "rules:write", "messages:send")),
        ("message", None, ["rules:read"], ("rules:read",)),
        ("operator", None, SCOPES["operator"], SCOPES["operator"]),
    ],
)
def test_granted(kind: str, wanted: list[str] | None, maker: list[str] | None, found: tuple[str, ...]) -> None:
    assert granted(kind, wanted, maker) == found


@pytest.mark.parametrize("maker", [[scope] for scope in SCOPES["operator"]])
def test_nobody_passes_on_what_one_lacks(maker: list[str]) -> None:
    for kind, scopes in SCOPES.items():
        for scope in scopes:
            try:
                given = granted(kind, [scope], maker)
            except ServiceError as refusal:
                assert refusal.code == "insufficient-scope"
                assert scope not in effective(maker)
            else:
                assert set(given) <= effective(maker) or (given, maker) == (("messages:send",), ["mailboxes:write"])


def test_last_used(world: Database) -> None:
    made, start = make(world), utc_now()
    for seconds, noted in ((0, 0), (59, 0), (60, 60), (61, 60), (200, 200)):
        tokens.used(world, made.token, start + timedelta(seconds=seconds))  # the view says never: SQL decides
        found = find(world, made.secret)
        assert found is not None
        assert found.last_used_at == start + timedelta(seconds=noted)


def test_last_used_lately_costs_no_transaction(world: Database) -> None:
    made, now = make(world), utc_now()
    tokens.used(world, made.token, now)
    found = find(world, made.secret)
    assert found is not None
    begun: list[object] = []
    event.listen(Session, "after_begin", lambda *_: begun.append(1))
    tokens.used(world, found, now + timedelta(seconds=59))
    assert begun == []


def test_noting_the_use_never_fails_a_request(world: Database, spare_url: str) -> None:
    token = make(world).token
    tokens.used(Database.open("sqlite:////nowhere/byname.db"), token, utc_now())
    tokens.used(Database.open("postgresql://nobody@127.0.0.1:1/none"), token, utc_now())
    tokens.used(Database.open(spare_url), token, utc_now())


def test_the_mailboxes_account_sees_a_message_token(world: Database) -> None:
    made = make(world, "message")
    with world.read(Acting(account_id=1)) as tx:
        assert tokens.page(tx).items == tokens.list_all(tx) == [made.token]
        assert tokens.get(tx, made.token.id) == made.token
    with world.read(Acting(account_id=2)) as tx:
        assert tokens.page(tx).total == 0


def test_an_accounts_token_works_in_the_account(world: Database) -> None:
    view = make(world).token
    with world.write(Acting(account_id=view.account_id, token_id=view.id, actor="token a test")) as tx:
        aliases.add(tx, "sales@brand-b.com", JOHN)
    with world.read() as tx:
        noted = tx.scalars(select(AuditRow).where(AuditRow.action == "alias.create")).one()
        assert (noted.token_id, noted.actor, noted.account_id) == (view.id, "token a test", 1)
