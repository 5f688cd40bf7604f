"""A browser without JavaScript, as far as a test needs one: cookies, forms with their token, one redirect at a time."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from admin_api.site import Dashboard, Owners
from routing.address import Address
from store.cache.propagation import Propagation
from store.clock import utc_now
from store.passwords import PasswordHash, hash_password
from store.services import accounts, admins, aliases, domain_settings, domains, mailboxes, sessions
from store.services.sessions import Lifetimes
from store.sql.database import Database
from store.sql.tenant import Transaction

LIFETIMES = Lifetimes(idle=timedelta(hours=12), longest=timedelta(days=14))
ADMIN, VIEWER, OPERATOR = "admin@agency.example", "viewer@agency.example", "night@operator.example"
JOHN, EVE = "john@brand-a.test", "eve@rival.test"
PASSWORD = "correct horse"

# Each button of an alias: what it sends, the field that it changes, and to what.
BUTTONS = (
    ("disable", "is_active", False),
    ("enable", "is_active", True),
    ("receive-off", "can_receive", False),
    ("receive-on", "can_receive", True),
    ("send-on", "can_send", True),
    ("send-off", "can_send", False),
)


def dashboard(
    owners: Owners = "manage", path: str = "", upgrade_url: str | None = "https://plans.example/"
) -> Dashboard:
    return Dashboard(path, LIFETIMES, owners, upgrade_url, "Byname")


@dataclass(slots=True)
class Cache:
    """Says whether changes are live, as a test wants it."""

    says: Propagation = "live"

    def __call__(self, version: int | None) -> Propagation:
        return "live" if version is None else self.says


@dataclass(frozen=True, slots=True)
class World:
    """Ids of what :func:`fill` made."""

    john: int
    mary: int
    eve: int
    sales: int  # John's, on brand-b.test, whose catch-all is Mary
    info: int  # John's, on brand-a.test
    eves: int
    brand_a: int
    brand_b: int
    pending: int
    rivals: int
    # What the browser of somebody who has signed in has in its cookie, by name.
    sessions: Mapping[str, str] = field(default_factory=dict)


def fill(database: Database) -> World:
    """Put two accounts into an empty store, with an admin, a viewer and an operator."""
    known = PasswordHash(hash_password(PASSWORD))
    with database.write() as tx:
        for account in ("acme", "rival"):
            accounts.create(tx, account, "starter")
        made = [domains.add(tx, name, account=account, verified=verified).id for name, account, verified in (
            ("brand-a.test", "acme", True), ("brand-b.test", "acme", True), ("waits.test", "acme", False),
            ("rival.test", "rival", True),
        )]  # fmt: skip
        people = [mailboxes.add(tx, address, known).id for address in (JOHN, "mary@brand-a.test", EVE)]
        sales = aliases.add(tx, "sales@brand-b.test", JOHN).id
        info = aliases.add(tx, "info@brand-a.test", JOHN).id
        eves = aliases.add(tx, "secret@rival.test", EVE).id
        domain_settings.update(tx, "brand-b.test", catch_all="mary@brand-a.test")
        admins.create(tx, ADMIN, known, account="acme")
        admins.create(tx, VIEWER, known, account="acme", role="viewer")
        admins.create(tx, OPERATOR, known)
        begun = {name: _session(tx, name) for name in (ADMIN, VIEWER, OPERATOR, JOHN, EVE)}
    john, mary, eve = people
    brand_a, brand_b, pending, rivals = made
    return World(john, mary, eve, sales, info, eves, brand_a, brand_b, pending, rivals, begun)


def _session(tx: Transaction, name: str) -> str:
    person = sessions.person_called(tx, Address.parse(name))
    assert person is not None
    return sessions.start(tx, person, LIFETIMES, utc_now())[1]


@dataclass(slots=True)
class Visitor:
    """Someone with a browser."""

    url: str
    sessions: Mapping[str, str] = field(default_factory=dict)  # that have begun
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=30, verify=False)

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path, headers={"Accept": "text/html"})

    def post(self, path: str, *, csrf: str | None = None, headers: Any = None, **fields: str) -> httpx.Response:
        """Send a form, with the token of the page at hand unless another is given.

        ``headers`` is a mapping or None. It is typed as anything, so that the fields can be given as a mapping too.
        """
        token = self.token() if csrf is None else csrf
        return self.client.post(path, data={"csrf": token, **fields}, headers=headers or {})

    def token(self) -> str:
        """Return the token that forms hold now."""
        page = self.get("/mailboxes")
        if page.is_redirect:
            page = self.get(page.headers["Location"])
        return token_of(page)

    def sign_in(self, name: str, password: str = PASSWORD, next: str = "") -> httpx.Response:  # noqa: A002
        page = self.get("/login")
        return self.post("/login", csrf=token_of(page), name=name, password=password, next=next)

    def signed_in(self, name: str) -> "Visitor":
        """Sign in, or go on with the session that has begun: each password takes 30 ms."""
        if name in self.sessions:
            self.client.cookies.set("byname", self.sessions[name], domain="127.0.0.1", path="/")
            return self
        answer = self.sign_in(name)
        assert answer.status_code == 303, answer.text
        return self


def token_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


def words(page: httpx.Response) -> str:
    """Return the text of a page, without tags, blanks made one."""
    main = page.text.partition("<main")[2]
    plain = re.sub(r"<[^>]*>", " ", main.partition(">")[2].replace("<wbr>", ""))
    return " ".join(html.unescape(plain).split())
