"""People with a second factor, for tests of signing in with it and of the Security page."""

import re
import time

import httpx
import pyotp
from sqlalchemy import update

from routing.address import Address
from store.clock import utc_now
from store.services import second_factors, sessions, totp
from store.services.sessions import Person
from store.sql.database import Database
from store.sql.tables import SignInAttemptRow
from tests.api.dashboard.visitor import PASSWORD, Visitor, token_of


def person(database: Database, address: str) -> Person:
    with database.read() as tx:
        found = sessions.person_called(tx, Address.parse(address))
    assert found is not None
    return found


def give_app(database: Database, address: str) -> tuple[str, list[str]]:
    """Set up an app, by a code of a while ago, and return its secret and the recovery codes."""
    secret, owner = totp.new_secret(), person(database, address)
    now = utc_now()
    code = pyotp.TOTP(secret).at(int(now.timestamp()), counter_offset=-1)
    with database.write() as tx:
        codes = second_factors.add_app(tx, owner, secret, code, now)
    return secret, codes


def fail_often(database: Database) -> None:
    """Leave the next try a wait of minutes, whoever has tried before."""
    with database.write() as tx:
        tx.execute(update(SignInAttemptRow).values(failures=60, last_at=utc_now()))


def code_of(secret: str, steps: int = 0) -> str:
    """Return the code of now, or of some steps from now."""
    return pyotp.TOTP(secret).at(int(time.time()), counter_offset=steps)


def half_way(visitor: Visitor, address: str, password: str = PASSWORD) -> httpx.Response:
    """Give name and password, and return the page of the second step."""
    answer = visitor.sign_in(address, password)
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/login/second")
    return visitor.get(answer.headers["Location"])


def second_step(visitor: Visitor, page: httpx.Response, code: str) -> httpx.Response:
    return visitor.post("/login/second", csrf=token_of(page), code=code)


def shown_codes(page: httpx.Response) -> list[str]:
    return re.findall(r"<code>([a-z0-9-]{19})</code>", page.text)


def shown_secret(page: httpx.Response) -> str:
    (found,) = re.findall(r'name="secret" value="([A-Z2-7]+)"', page.text)
    return str(found)
