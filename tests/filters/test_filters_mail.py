"""Filters by real mail: through Postfix and ``byname lmtp`` into Dovecot, which runs the scripts that were installed.

All mails of all cases go in one go; then each test looks where those of its case lie.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.requirements import WEBMAIL, missing_packages
from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from store.passwords import PasswordHash, hash_password
from store.services import aliases, mailboxes
from store.sql.database import Database
from tests.filters.mails import INBOX, NOWHERE, NUMBERED, Case, Mail
from tests.filters.world import act, condition, install_all, installer, keep, rule, server, state
from tests.mail.conftest import leave_out, needs_root
from tests.mail.dialogue import Dialogue
from tests.mail.headers import field_values
from tests.mail.world import fill

__all__ = ["needs_root"]


@pytest.fixture(scope="module")
def sorted_mail(needs_root: None) -> Iterator[PrivateSite]:
    """A site in which every mail of every case has come."""
    if missing := missing_packages({name: WEBMAIL[name] for name in WEBMAIL if "dovecot" in name}):
        leave_out(f"not installed: {' '.join(missing)}")
    with PrivateSite(_fill, delivery="agent", filters=True) as site:
        database = Database.open(site.url)
        for number, case in enumerate(NUMBERED):
            keep(database, _box(number), case.rules)
        assert site.dovecot.filters is not None
        assert install_all(installer(database, server(site.dovecot.filters))) == len(NUMBERED)
        states = {_box(number): state(database, _box(number)) for number in range(len(NUMBERED))}
        assert {box: found.reason for box, found in states.items() if found.state != "installed"} == {}
        _send(site)
        yield site
        database.close()


def _fill(database: Database) -> dict[str, str]:
    passwords = fill(database)
    password = PasswordHash(hash_password("one for all of them"))
    with database.write() as tx:
        for number, case in enumerate(NUMBERED):
            box = _box(number)
            mailboxes.add(tx, box, password)
            for name in {name for mail in case.mails for name in mail.to} - {box}:
                aliases.add(tx, _without_detail(name), box)
    return passwords


def _without_detail(name: str) -> str:
    local, _, domain = name.lower().partition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _box(number: int) -> str:
    return f"c{number}@brand-a.test"


def _send(site: PrivateSite) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        for number, case in enumerate(NUMBERED):
            for which, mail in enumerate(case.mails):
                replies = smtp.mail([f"<{name}>" for name in mail.to], _message(mail, f"{number}-{which}"))
                assert all(reply.startswith("250") for reply in replies), (case.name, replies)
    site.postfix.wait_until_idle(60)


def _message(mail: Mail, mark: str) -> bytes:
    header = "" if "From:" in mail.header else "From: ann@outside.example\r\n"
    return f"X-Case: {mark}\r\n{header}{mail.header}".rstrip().encode() + b"\r\n\r\n" + mail.body


@pytest.mark.parametrize("number", range(len(NUMBERED)), ids=lambda number: NUMBERED[number].name)
def test_where_mail_lies(sorted_mail: PrivateSite, number: int) -> None:
    case = NUMBERED[number]
    found = _lying(sorted_mail, number)
    assert {mark: found.get(mark, {}) for mark in _marks(case, number)} == {
        mark: _wanted(mail) for mark, mail in _marks(case, number).items()
    }
    forwarded = Counter(
        (mark, recipient)
        for delivery in sorted_mail.outside.deliveries
        for mark in field_values(delivery.content, "X-Case")
        for recipient in delivery.recipients
        if mark.partition("-")[0] == str(number)
    )
    assert forwarded == Counter((mark, to) for mark, mail in _marks(case, number).items() for to in mail.forwarded)


def test_two_processes_of_the_api_share_the_work(sorted_mail: PrivateSite) -> None:
    site, boxes = sorted_mail, [_box(number) for number in range(12)]
    login = "managesieve-login: Info: Login: user=<c"
    before = site.dovecot.log().count(login)
    for _ in range(2):
        site.start_daemon("api", {"BYNAME_API__LISTEN": f"{LOOPBACK}:{free_port()}"})
    database = Database.open(site.url)
    for box in boxes:
        keep(database, box, [rule(condition("subject", "is", "another"), act("flag"))])
    wait_until(lambda: {state(database, box).state for box in boxes} == {"installed"}, 60, "the processes")
    assert site.dovecot.log().count(login) - before == len(boxes)
    database.close()


def _marks(case: Case, number: int) -> dict[str, Mail]:
    return {f"{number}-{which}": mail for which, mail in enumerate(case.mails)}


def _wanted(mail: Mail) -> dict[str, str]:
    if mail.lies == NOWHERE:
        return {}
    lies = {mail.lies: ""} if isinstance(mail.lies, str) else mail.lies
    return {name if name == INBOX or name.startswith(".") else f".{name}": flags for name, flags in lies.items()}


def _lying(site: PrivateSite, number: int) -> dict[str, dict[str, str]]:
    """Return for each mail of a mailbox the folders on disk that it is in, with its flags."""
    maildir = site.dovecot.mail / "brand-a.test" / f"c{number}" / "Maildir"
    found: dict[str, dict[str, str]] = {}
    for path in [*maildir.glob("new/*"), *maildir.glob("cur/*"), *maildir.glob(".*/new/*"), *maildir.glob(".*/cur/*")]:
        (mark,) = field_values(path.read_bytes(), "X-Case")
        folders = found.setdefault(mark, {})
        folder = _folder(path, maildir)
        assert folder not in folders, "twice in one folder"
        folders[folder] = path.name.partition(":2,")[2]
    return found


def _folder(path: Path, maildir: Path) -> str:
    folder = path.parent.parent
    return INBOX if folder == maildir else folder.name
