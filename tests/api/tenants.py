"""Accounts for tests, each with names of its own, so that tests can share a database and a server."""

from dataclasses import dataclass
from functools import cache
from itertools import count

import httpx

from store.passwords import PasswordHash, hash_password
from store.services import accounts, aliases, domains, mailboxes, tokens
from store.services.scopes import ACCOUNT, MESSAGE, OPERATOR
from store.sql.database import Database
from tests.api.running_api import PREFIXES, RunningApi

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Tenant:
    """An account with two proved domains, a mailbox, and a client with a token of every scope."""

    api: RunningApi
    name: str
    id: int
    domain: str
    domain_id: int
    other: str  # the second domain
    other_id: int
    mailbox: str
    mailbox_id: int
    client: httpx.Client

    def add(self, local_part: str, **more: object) -> httpx.Response:
        """Ask for an alias of the mailbox on the second domain."""
        body = {"local_part": local_part, "domain_id": self.other_id, **more}
        return self.client.post(f"/mailboxes/{self.mailbox_id}/aliases", json=body)

    def added(self, local_part: str, **more: object) -> int:
        """Make an alias and return its id."""
        answer = self.add(local_part, **more)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["data"]["id"])


def tenant(api: RunningApi, plan: str = "starter", *, is_trial: bool = False) -> Tenant:
    """Make an account."""
    number = next(_numbers)
    name, domain, other = f"account-{number}", f"brand-a{number}.com", f"brand-b{number}.com"
    with api.database.write() as tx:
        account = accounts.create(tx, name, plan, is_trial=is_trial)
        made = [domains.add(tx, one, account=name, verified=True) for one in (domain, other)]
        mailbox = mailboxes.add(tx, f"john@{domain}", _hashed())
    client = api.client(secret_of(api.database, account=account.id))
    ids = made[0].id, other, made[1].id
    return Tenant(api, name, account.id, domain, *ids, mailbox.address, mailbox.id, client)


@cache
def _hashed() -> PasswordHash:
    """The password of all: hashing takes as long as all the rest of an account."""
    return PasswordHash(hash_password("correct horse"))


def alias_of(database: Database, owner: Tenant, local_part: str) -> int:
    """Make an alias on the owner's second domain without the API."""
    with database.write() as tx:
        return aliases.create(tx, local_part, owner.other_id, owner.mailbox_id).id


def secret_of(
    database: Database, *, account: int | None = None, mailbox: int | None = None, scopes: tuple[str, ...] | None = None
) -> str:
    """Make a token: of an account, of a mailbox, or an operator's."""
    kind = ACCOUNT if account is not None else MESSAGE if mailbox is not None else OPERATOR
    with database.write() as tx:
        made = tokens.create(
            tx, name="test", kind=kind, prefixes=PREFIXES, account=account, mailbox=mailbox, scopes=scopes
        )
    return made.secret
