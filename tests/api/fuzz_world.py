"""An account for requests that are made up: what it has grows back, and random ids are led to things that exist."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from sqlalchemy import select

from store.errors import ServiceError
from store.services import accounts, aliases, domains, mailboxes
from store.services.scopes import OPERATOR
from store.sql.database import Database
from store.sql.tables import AddressRow, AliasRow, DeleteIntentRow, DnsCheckRow, DomainRow, MailboxRow, TokenRow
from store.sql.tenant import Acting, Transaction
from tests.api.running_api import PREFIXES
from tests.api.tenants import secret_of

ACCOUNT = "X-Byname-Account"
_LARGEST_ID = 2**63 - 1
_NOBODY = 2**40
_SHARE_OF_THEIRS = 0.2  # of ids that stay as they were made up
_ROWS = {
    "domain_id": DomainRow, "mailbox_id": MailboxRow, "intent_id": DeleteIntentRow, "check_id": DnsCheckRow,
    "token_id": TokenRow,
}  # fmt: skip
_SAME = {"system_mailbox_id": "mailbox_id"}


@dataclass(slots=True)
class FuzzWorld:
    """The account, and the ids of what it has now."""

    database: Database
    random: Random
    secret: str = field(init=False)
    account_id: int = 0
    ids: dict[str, list[int]] = field(init=False, default_factory=dict)
    own_token: int = field(init=False)
    _numbers: Iterator[int] = field(init=False, default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.secret = secret_of(self.database)
        with self.database.read() as tx:
            self.own_token = tx.scalars(select(TokenRow.id).where(TokenRow.kind == OPERATOR)).all()[-1]
        self.mend()

    def mend(self) -> None:
        """Give back what requests took away, and learn what there is."""
        with self.database.write() as tx:
            self.account_id = self._account(tx)
        with self.database.write(Acting(self.account_id)) as tx:
            self._refill(tx)
            self.ids = {name: list(tx.scalars(select(row.id))) for name, row in _ROWS.items()}
            pairs = tx.execute(select(AliasRow.id, AliasRow.mailbox_id)).all()
        self.ids["alias_id"] = [alias for alias, _ in pairs]
        self.ids["account_id"] = [self.account_id]

    def lead(self, names: dict[str, Any]) -> None:
        """Put ids of things that exist in the place of most ids that name nothing."""
        for name, value in names.items():
            known = self.ids.get(_SAME.get(name, name), [])
            if known and _is_id(value) and value not in known and self.random.random() > _SHARE_OF_THEIRS:
                names[name] = self.random.choice(known)

    def lead_body(self, body: Any) -> None:
        """The same for a body, and for the items in one."""
        if not isinstance(body, dict):
            return
        self.lead(body)
        items = body.get("items")
        for item in items if isinstance(items, list) else []:
            self.lead_body(item)

    def spare_own_token(self, names: dict[str, Any]) -> None:
        """Let nobody delete the token that all requests show."""
        if names.get("token_id") == self.own_token:
            names["token_id"] = _NOBODY

    def lead_header(self, headers: Any) -> None:
        """Let most requests for an account be for ours."""
        if headers and str(headers.get(ACCOUNT, "")).isdigit() and self.random.random() > _SHARE_OF_THEIRS:
            headers[ACCOUNT] = str(self.account_id)

    def _account(self, tx: Transaction) -> int:
        try:
            kept = accounts.update(tx, self.account_id, plan="agency", is_trial=False, is_active=True)
        except ServiceError:
            kept = accounts.create(tx, f"fuzz {next(self._numbers)} {self.account_id}", "agency")
        return kept.id

    def _refill(self, tx: Transaction) -> None:
        whole = domains.page(tx, status="active").items
        for _ in range(2 - len(whole)):
            name = f"fuzz-{self.account_id}-{next(self._numbers)}.com"
            whole.append(domains.add(tx, name, account=self.account_id, verified=True))
        for _ in range(3 - mailboxes.page(tx).total):
            made = mailboxes.add(tx, f"box-{next(self._numbers)}@{whole[0].name}", "correct horse")
            aliases.add(tx, f"name-{next(self._numbers)}@{whole[-1].name}", made.address)


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and 1 <= int(value) <= _LARGEST_ID
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST_ID
