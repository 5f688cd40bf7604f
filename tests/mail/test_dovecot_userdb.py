"""A real Dovecot that resolves names by the sample's userdb, over SQLite and over PostgreSQL: replies and copies."""

import email
import os
import re
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from byname.sandbox.certificate import Certificate
from byname.sandbox.folders import short_folder
from byname.sandbox.recipe_daemons import RecipeDovecot
from byname.sandbox.recipes import RECIPES, VMAIL, moved_path
from byname.sandbox.requirements import RECIPES as RECIPE_PACKAGES
from byname.sandbox.requirements import missing_packages
from byname.sandbox.waiting import wait_until
from store.services import accounts, domains
from store.sql.database import Database
from tests.mail.conftest import leave_out
from tests.mail.dialogue import MESSAGE
from tests.mail.world import JOHN, MARY, fill
from tests.store.new_store import make_store
from tests.store.postgres_server import PostgresServer, programs

(RECIPE,) = [recipe for recipe in RECIPES if recipe.name == "dovecot-userdb"]
UNKNOWN, LATER = "550 5.1.1", "451 4.3.0"

DELIVERED = [  # as Postfix hands it over, mailbox, Delivered-To
    ("sales@brand-b.test", JOHN, ["sales@brand-b.test"]),
    ("SALES@Brand-B.test", JOHN, ["sales@brand-b.test"]),
    ("Sales+News@brand-b.test", JOHN, ["sales+news@brand-b.test"]),
    ("+sales@brand-b.test", JOHN, ["+sales@brand-b.test"]),
    ("anything@brand-b.test", JOHN, ["anything@brand-b.test"]),
    ('"a b"@brand-b.test', JOHN, ['"a b"@brand-b.test']),
    ('"x@y"@brand-b.test', JOHN, ['"x@y"@brand-b.test']),
    ("it's-100%n@brand-b.test", JOHN, ["it's-100%n@brand-b.test"]),
    ("postmaster@brand-a.test", JOHN, ["postmaster@brand-a.test"]),
    ("postmaster@off.test", "old@off.test", ["postmaster@off.test"]),
    ("abuse@brand-a.test", JOHN, ["abuse@brand-a.test"]),
    ("john@xn--bcher-kva.test", JOHN, ["john@xn--bcher-kva.test"]),
    ("team@brand-a.test", MARY, ["team@brand-a.test"]),
    ("mary@brand-a.test", MARY, []),
    ("Mary@brand-a.test", MARY, []),
    ("mary+x@brand-a.test", MARY, ["mary+x@brand-a.test"]),
]
REFUSED = [
    ("nobody@brand-a.test", UNKNOWN),
    ("disabled@brand-b.test", UNKNOWN),  # although the domain has a catch-all
    ("disabled+x@brand-b.test", UNKNOWN),
    ("outbox@brand-b.test", UNKNOWN),
    ("paused@brand-a.test", UNKNOWN),
    ("sleeping@brand-a.test", UNKNOWN),
    ("old@off.test", UNKNOWN),
    ("x@pending.test", UNKNOWN),
    ("x@outside.example", UNKNOWN),
    (f"{'x' * 256}@brand-b.test", UNKNOWN),
    ("anyone@late.test", LATER),  # its account is suspended
    ("postmaster@late.test", LATER),  # and has no mailbox
]


@dataclass(frozen=True)
class Store:
    """Where the store is, and the two lines that say so to Dovecot where they are not the sample's."""

    url: str
    dovecot_lines: str | None


@pytest.fixture(scope="module")
def place(needs_root: None, certificate: Certificate) -> Iterator[Path]:
    """A folder with what Dovecot finds on an installed machine."""
    if missing := missing_packages(RECIPE_PACKAGES):
        leave_out(f"not installed: {' '.join(missing)}")
    with short_folder() as folder:
        for path in (certificate.certificate, certificate.key):
            shutil.copy(path, folder)
        for installed in ("/var/spool/postfix/private", "/var/lib/byname"):
            moved_path(installed, folder).mkdir(parents=True)
        yield folder


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, place: Path) -> Iterator[Store]:
    """A filled store; on PostgreSQL Dovecot has no more rights than the sample says."""
    if request.param == "sqlite":
        url = f"sqlite:///{moved_path('/var/lib/byname/byname.db', place)}"
        fill_store(url)
        yield Store(url, None)
        return
    binaries = programs()
    assert binaries is not None
    server = PostgresServer(binaries)
    try:
        server.folder.chmod(0o755)  # Dovecot asks as a user of its own
        server.start()
        server.run_sql("CREATE DATABASE byname", "CREATE ROLE dovecot LOGIN")
        fill_store(server.url("byname"))
        server.run_sql("GRANT SELECT ON byname_mailboxes, byname_userdb TO dovecot", database="byname")
        lines = f"driver = pgsql\nconnect = host={server.folder} dbname=byname user=dovecot"
        yield Store(server.url("byname"), lines)
    finally:
        server.remove()


@pytest.fixture(scope="module")
def dovecot(place: Path, store: Store) -> Iterator[RecipeDovecot]:
    with RecipeDovecot(place / "dovecot", recipe=RECIPE, site=place, store=store.dovecot_lines) as started:
        yield started


def fill_store(url: str) -> None:
    make_store(url)
    database = Database.open(url)
    fill(database)
    with database.write() as tx:
        accounts.create(tx, "late", "starter")
        domains.add(tx, "late.test", account="late", verified=True)
        accounts.update(tx, "late", is_active=False)
    database.close()


def deliver(dovecot: RecipeDovecot, *recipients: str) -> list[str]:
    """Deliver one message to all; return the reply to each RCPT, and to the message for each that was taken."""
    with socket.socket(socket.AF_UNIX) as client, client.makefile("rb") as lines:
        client.settimeout(30)
        client.connect(str(dovecot.lmtp_socket))

        def reply() -> str:
            while not re.match(rb"\d{3} ", line := lines.readline()):
                assert line
            return line.decode().rstrip()

        def say(command: str) -> str:
            client.sendall(f"{command}\r\n".encode())
            return reply()

        reply()
        say("LHLO client.test")
        say("MAIL FROM:<ann@outside.example>")
        replies = [say(f"RCPT TO:<{recipient}>") for recipient in recipients]
        taken = [answer for answer in replies if answer.startswith("250")]
        if taken:
            say("DATA")
            client.sendall(MESSAGE + b".\r\n")
        return [*replies, *(reply() for _ in taken)]


def shown(dovecot: RecipeDovecot, mailbox: str) -> list[list[str]]:
    return [email.message_from_bytes(message).get_all("Delivered-To", []) for message in dovecot.messages(mailbox)]


@pytest.mark.parametrize(("written", "mailbox", "fields"), DELIVERED)
def test_delivered(dovecot: RecipeDovecot, written: str, mailbox: str, fields: list[str]) -> None:
    dovecot.clear()
    assert [reply[:3] for reply in deliver(dovecot, written)] == ["250", "250"]
    assert (dovecot.addresses(), shown(dovecot, mailbox)) == ([mailbox], [fields])


@pytest.mark.parametrize(("written", "code"), REFUSED)
def test_refused(dovecot: RecipeDovecot, written: str, code: str) -> None:
    assert [reply[:9] for reply in deliver(dovecot, written)] == [code]


def test_each_copy_shows_its_own_name_even_in_one_transaction(dovecot: RecipeDovecot) -> None:
    dovecot.clear()
    deliver(dovecot, "sales@brand-b.test", "info@brand-a.test", "team@brand-a.test", JOHN)
    assert sorted(shown(dovecot, JOHN)) == [[], ["info@brand-a.test"], ["sales@brand-b.test"]]
    assert shown(dovecot, MARY) == [["team@brand-a.test"]]


def test_the_reason_of_a_deferral_is_in_the_log(dovecot: RecipeDovecot) -> None:
    deliver(dovecot, "someone@late.test")
    wait_until(lambda: "Failed to lookup user someone@late.test: suspended" in dovecot.log(), 5, "the reason")


def test_a_users_script_sees_the_name(dovecot: RecipeDovecot) -> None:
    dovecot.clear()
    home = moved_path("/var/vmail", dovecot.site) / "brand-a.test" / "mary"
    home.mkdir(parents=True, exist_ok=True)
    (home / ".dovecot.sieve").write_text(
        'require ["fileinto", "mailbox"];\nif header :is "Delivered-To" "team@brand-a.test" {fileinto :create "team";}'
    )
    for path in (home.parent, home, home / ".dovecot.sieve"):
        os.chown(path, VMAIL, VMAIL)
    maildir = dovecot.mail / "brand-a.test" / "mary" / "Maildir"
    shutil.rmtree(maildir, ignore_errors=True)
    deliver(dovecot, "team@brand-a.test", "mary@brand-a.test")
    assert len(list(maildir.glob(".team/new/*"))) == len(list(maildir.glob("new/*"))) == 1
    (home / ".dovecot.sieve").unlink()


def test_a_broken_database_is_no_refusal(dovecot: RecipeDovecot, store: Store) -> None:
    """Last: the store is of no use after it."""
    database = Database.open(store.url)
    with database.write() as tx:
        tx.connection().exec_driver_sql("DROP VIEW byname_userdb")
    database.close()
    assert [reply[:9] for reply in deliver(dovecot, "sales@brand-b.test", "nobody@brand-a.test")] == [LATER, LATER]
