"""An address of each page of the dashboard, by its route, in the world of the tests. A new page gets a line here.

Ids in braces are those of ``tests.browser.names``. Several addresses show the same page in several states. A route that
is no page to be opened by its address alone (a file to download, a step after another) has none, and a test of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from admin_api.dashboard.frame.route import Who
from admin_api.dashboard.routes import ROUTES
from tests.api.dashboard.visitor import ADMIN, OPERATOR

_BOX = "/mailboxes/{mailbox_id:id}"
_ALIASES = f"{_BOX}/aliases"
_OURS, _OPERATORS = "/account", "/operator"
_CUSTOMER = "/operator/accounts/{account_id:id}"
_PERSON, _TOKEN = "/people/{admin_id:id}", "/tokens/{token_id:id}"
_KEPT = "/kept-names/{kept_name_id:id}"
ADDRESSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "/": (),  # leads to one of the others
        "/login": ("/login", "/login?next=/mailboxes"),
        "/mailboxes": (
            "/mailboxes",
            "/mailboxes?search=john",
            "/mailboxes?search=nobody",
            "/mailboxes?page=9",
            "/mailboxes?sort=-aliases&local_part=x&password_mode=typed",
        ),
        "/login/second": (),  # after a password
        "/security": ("/security",),
        "/security/app": ("/security/app",),
        "/security/app/remove": ("/security/app/remove",),
        "/security/codes": ("/security/codes",),
        "/security/passkeys/new": (),  # where there are passkeys: on https, or on localhost
        "/security/passkeys/{passkey_id:id}/remove": (),  # likewise
        f"{_BOX}/mobileconfig": (),  # a file
        f"{_BOX}/general": ("/mailboxes/{john}/general",),
        f"{_BOX}/connection": ("/mailboxes/{john}/connection",),
        f"{_BOX}/connection/password-manager": ("/mailboxes/{john}/connection/password-manager",),
        f"{_BOX}/delete/{{intent_id:id}}": ("/mailboxes/{mary}/delete/{intent}",),
        _ALIASES: ("/mailboxes/{john}/aliases", "/mailboxes/{john}/aliases?local_part=x", "/mailboxes/{mary}/aliases"),
        f"{_ALIASES}/check": ("/mailboxes/{john}/aliases/check?local_part=shop&domain_id={brand_a}",),
        f"{_ALIASES}/rows": (),  # leads back to the list
        f"{_ALIASES}/{{alias_id:id}}": (),  # likewise
        f"{_ALIASES}/{{alias_id:id}}/delete": ("/mailboxes/{john}/aliases/{sales}/delete",),
        f"{_ALIASES}/{{alias_id:id}}/end": ("/mailboxes/{john}/aliases/{sales}/end",),
        f"{_ALIASES}/{{alias_id:id}}/note": ("/mailboxes/{john}/aliases/{sales}/note",),
        f"{_ALIASES}/{{alias_id:id}}/senders": ("/mailboxes/{john}/aliases/{sales}/senders",),
        f"{_ALIASES}/{{alias_id:id}}/senders/block": (),  # leads to the form
        f"{_ALIASES}/{{alias_id:id}}/mail": ("/mailboxes/{john}/aliases/{sales}/mail",),
        f"{_BOX}/filters": ("/mailboxes/{john}/filters", "/mailboxes/{mary}/filters"),
        f"{_BOX}/filters/{{rule_id:id}}": ("/mailboxes/{john}/filters/{rule}",),
        "/bulk": ("/bulk",),
        "/bulk/aliases.csv": (),  # a file
        "/bulk/{import_id:id}": (),  # after a dry run
        "/domains": ("/domains", "/domains?name=x"),
        "/domains/{domain_id:id}": ("/domains/{brand_b}", "/domains/{pending}"),
        "/domains/{domain_id:id}/delete": ("/domains/{pending}/delete",),
        "/test": ("/test", "/test?address=sales@brand-b.test", "/test?address=nobody@brand-a.test"),
        "/test/sender": ("/test/sender",),
        "/test/header": ("/test/header",),
        "/audit": ("/audit", "/audit?object=domain:{brand_b}"),
        "/activity": (),  # leads to the audit log
        _OURS: (_OURS,),
        _OPERATORS: (_OPERATORS,),
        "/operator/accounts": ("/operator/accounts",),
        _CUSTOMER: ("/operator/accounts/{account}",),
        f"{_CUSTOMER}/suspend": ("/operator/accounts/{account}/suspend",),
        f"{_CUSTOMER}/delete": ("/operator/accounts/{account}/delete",),
        f"{_OURS}/people": ("/account/people",),
        f"{_OPERATORS}/people": ("/operator/people",),
        f"{_CUSTOMER}/people": ("/operator/accounts/{account}/people",),
        f"{_OURS}{_PERSON}/password": ("/account/people/{viewer}/password",),
        f"{_OPERATORS}{_PERSON}/password": (),  # the same page as of an account
        f"{_CUSTOMER}{_PERSON}/password": ("/operator/accounts/{account}/people/{viewer}/password",),
        f"{_OURS}{_PERSON}/remove": ("/account/people/{viewer}/remove",),
        f"{_OPERATORS}{_PERSON}/remove": (),  # the same page as of an account
        f"{_CUSTOMER}{_PERSON}/remove": ("/operator/accounts/{account}/people/{viewer}/remove",),
        f"{_OURS}/tokens": ("/account/tokens",),
        f"{_OPERATORS}/tokens": ("/operator/tokens",),
        f"{_CUSTOMER}/tokens": ("/operator/accounts/{account}/tokens",),
        f"{_OURS}/kept-names": (f"{_OURS}/kept-names",),
        f"{_CUSTOMER}/kept-names": ("/operator/accounts/{account}/kept-names",),
        f"{_OURS}{_KEPT}/free": ("/account/kept-names/{kept}/free",),
        f"{_CUSTOMER}{_KEPT}/free": ("/operator/accounts/{account}/kept-names/{kept}/free",),
        f"{_OURS}{_TOKEN}/revoke": ("/account/tokens/{token}/revoke",),
        f"{_OPERATORS}{_TOKEN}/revoke": ("/operator/tokens/{operators_token}/revoke",),
        f"{_CUSTOMER}{_TOKEN}/revoke": ("/operator/accounts/{account}/tokens/{token}/revoke",),
    }
)
PEOPLE: Mapping[Who, str | None] = MappingProxyType(
    {"anyone": None, "people": ADMIN, "admins": ADMIN, "operators": OPERATOR}
)


@dataclass(frozen=True, slots=True)
class Example:
    """A page to look at, and who is signed in then."""

    pattern: str
    person: str | None

    def __str__(self) -> str:
        """Return it as the name of a test."""
        return self.pattern

    def path(self, ids: Mapping[str, int]) -> str:
        """Return its address below the dashboard's own."""
        return self.pattern.format_map(ids)


def pages_by_address() -> frozenset[str]:
    """Return the routes that are opened by an address."""
    return frozenset(route.path for route in ROUTES if route.method == "GET")


def examples() -> Iterator[Example]:
    """Return all pages that can be looked at, in the order of their routes."""
    for route in ROUTES:
        if route.method == "GET":
            for pattern in ADDRESSES.get(route.path, ()):
                yield Example(pattern, PEOPLE.get(route.who, ADMIN))
