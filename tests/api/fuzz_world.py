"""An account for requests that are made up: what it has grows back, and random ids are led to things that exist."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from store.errors import ServiceError
from store.services import accounts, aliases, domains, mailboxes
from store.services.scopes import OPERATOR
from store.sql.database import Database
from store.sql.tables import AliasRow, DeleteIntentRow, DnsCheckRow, DomainRow, FilterRuleRow, MailboxRow, TokenRow
from store.sql.tenant import Acting, Transaction
from tests.api.tenants import secret_of

ACCOUNT = "X-Byname-Account"
_LARGEST_ID = 2**63 - 1
_ABOUT_THE_LARGEST = 2**63 + 2**11  # Schemathesis compares with our maximum as floats do
_UNKNOWN = "x-schemathesis-unknown-property"  # RFC 9110 section 5.1: a header that is not known is ignored
_MEND_EVERY = 20  # requests
_NOBODY = 2**40
_SHARE_OF_THEIRS = 0.2  # of ids that stay as they were made up
_ID_OF: dict[str, InstrumentedAttribute[int]] = {
    "domain_id": DomainRow.id, "mailbox_id": MailboxRow.id, "intent_id": DeleteIntentRow.id,
    "rule_id": FilterRuleRow.id, "check_id": DnsCheckRow.id, "token_id": TokenRow.id,
}  # fmt: skip
_WITHIN_ONE = frozenset({"POST /api/v1/domains", "GET /api/v1/account", "POST /api/v1/tokens"})
_SAME = {"system_mailbox_id": "mailbox_id"}


@dataclass(slots=True)
class FuzzWorld:
    """The account, and the ids of what it has now."""

    database: Database
    random: Random
    secret: str = field(init=False)
    account_id: int = 0
    _asked: int = field(init=False, default=0)
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
            self.ids = {name: list(tx.scalars(select(column))) for name, column in _ID_OF.items()}
            pairs = tx.execute(select(AliasRow.id, AliasRow.mailbox_id)).all()
        self.ids["alias_id"] = [alias for alias, _ in pairs]
        self.ids["account_id"] = [self.account_id]

    def adjust(self, case: Any) -> None:
        """Make most of a request's ids and its account those of things that exist; mend the account now and then."""
        if self._asked % _MEND_EVERY == 0:
            self.mend()
        self._asked += 1
        for names in (case.path_parameters, case.query):
            self.lead(names or {})
        self.lead_body(case.body)
        self.lead_headers(case)
        self.spare_own_token(case.path_parameters or {})

    def lead(self, names: dict[str, Any]) -> None:
        """Put ids of things that exist in the place of most ids that name nothing."""
        for name, value in names.items():
            if isinstance(value, list):
                names[name] = [_within(one) for one in value]
                continue
            names[name] = value = _within(value)
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
        if str(names.get("token_id")) == str(self.own_token):
            names["token_id"] = _NOBODY

    def lead_headers(self, case: Any) -> None:
        """Let most requests for an account be for ours, and those of operators that need one have one."""
        headers = case.headers
        if headers is None:
            return
        headers.pop(_UNKNOWN, None)
        if case.meta is not None and not case.meta.generation.mode.is_positive:
            return
        is_missing = ACCOUNT not in headers and case.operation.label in _WITHIN_ONE
        if is_missing or (_is_id(str(headers.get(ACCOUNT))) and self.random.random() > _SHARE_OF_THEIRS):
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


def _within(value: Any) -> Any:
    """Return the largest id for a number that Schemathesis takes for it."""
    return _LARGEST_ID if isinstance(value, int) and _LARGEST_ID < value <= _ABOUT_THE_LARGEST else value


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and 1 <= int(value) <= _LARGEST_ID
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST_ID
