"""Whose things a page shows: those of one account, as its admins or as operators see it, or the operators' own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from starlette.responses import Response

from admin_api.dashboard.frame.rights import Rights
from admin_api.dashboard.frame.route import Route, Who
from admin_api.dashboard.frame.visit import Visit
from store.services import accounts
from store.services.views import AccountHead

Tabs = tuple[tuple[str, str], ...]  # path below the desk's own, and a word

_OF_ACCOUNTS: Tabs = (("/people", "People"), ("/tokens", "Tokens"), ("/kept-names", "Deleted names"))
_OWN: Tabs = (("", "Plan"), *_OF_ACCOUNTS)
_CUSTOMER: Tabs = (("", "Account"), *_OF_ACCOUNTS)
OPERATORS: Tabs = (("", "Overview"), ("/accounts", "Accounts"), ("/people", "Operators"), ("/tokens", "Tokens"))
OF_CUSTOMER = "/operator/accounts/{account_id:id}"
_BASES: tuple[tuple[str, Who], ...] = (
    ("/account", "customers"), ("/operator", "operators"), (OF_CUSTOMER, "operators"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Desk:
    """One of them: where its pages are, and the account; None: the operators' own."""

    base: str
    account: AccountHead | None
    tabs: Tabs
    is_operator: bool  # who looks

    @property
    def account_id(self) -> int | None:
        """The account's id."""
        return None if self.account is None else self.account.id

    def path(self, below: str = "") -> str:
        """Return the path of one of its pages."""
        return f"{self.base}{below}"

    def may_change(self, rights: Rights) -> bool:
        """Return whether tokens and people are changed here by somebody with these rights."""
        return rights.operate if self.is_operator else rights.administer


def desk(visit: Visit, account_id: int | None = None) -> Desk:
    """Return the desk of a page; ``account_id`` is what the path of an operator's page names.

    Raises:
        ServiceError: ``not-found`` for the account.
    """
    own = visit.person.account_id
    if own is None and account_id is None:
        return Desk("/operator", None, OPERATORS, is_operator=True)
    wanted = account_id if own is None else own
    assert wanted is not None  # noqa: S101 - said to the type checker
    with visit.reading() as tx:
        account = accounts.head(tx, wanted)
    if own is None:
        return Desk(f"/operator/accounts/{account.id}", account, _CUSTOMER, is_operator=True)
    return Desk("/account", account, _OWN, is_operator=False)


def at_each_desk(
    method: Literal["GET", "POST"],
    below: str,
    view: Callable[..., Response],
    home: str = "",
    keeps: tuple[str, ...] = (),
) -> tuple[Route, ...]:
    """Return a route of each desk; ``below`` and, of a form, ``home`` stand after the desk's own path."""
    return tuple(
        Route(method, base + below, view, who, (base + home).replace(":id", "") if home else None, keeps)
        for base, who in _BASES
    )
