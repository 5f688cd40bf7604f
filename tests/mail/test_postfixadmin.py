"""docs/postfixadmin.md: its lines, run in their order beside a Postfix whose maps ask PostfixAdmin's tables."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from byname.postfix.postconf import read
from byname.sandbox.certificate import Certificate
from byname.sandbox.postfix import PrivatePostfix
from byname.sandbox.processes import Daemon
from byname.sandbox.sink import Delivery, Sink
from byname.sandbox.waiting import wait_until
from byname.setup.files import look_old, texts_in
from tests.mail.dialogue import Dialogue
from tests.mail.headers import delivered_to
from tests.mail.plain_postfix import (
    answering,
    chroot,
    daemon_commands,
    plain_postfix,
    settings_file,
    socket_folder,
)
from tests.mail.postfixadmin_site import ROWS, TABLES, postfix_settings
from tests.store.cli.command_line import Finished, run_here
from tests.store.cli.shell import Shell
from tests.store.conftest import postgres
from tests.store.postgres_server import PostgresServer, programs

__all__ = ["postgres"]

PAGE = Path(__file__).parents[2] / "docs" / "postfixadmin.md"
JOHN, MARY = "john@brand-a.test", "mary@brand-a.test"
# to whom a mail is written, the reply, and in whose mailbox it arrives, before and after alike
MAILS = [
    (JOHN, "250 2.1.5", JOHN),
    ("sales@brand-b.test", "250 2.1.5", JOHN),
    ("anybody@brand-b.test", "250 2.1.5", MARY),
    ("john@brand-c.test", "250 2.1.5", JOHN),
    ("unknown@brand-a.test", "550 5.1.1", None),
    ("off@brand-a.test", "550 5.1.1", None),
    ("x@outside.example", "554 5.7.1", None),
]
REFUSED = {
    "mary@brand-a.test": "vacation", "abuse@brand-a.test": "not-found", "both@brand-b.test": "several-targets",
    "out@brand-b.test": "not-found", "@brand-c.test": "alias-domain", "gone@old.test": "domain-not-yours",
    "backup.test": "domain-not-yours", "old.test": "domain-not-yours",
}  # fmt: skip
DIFFERENT = {  # what the maps and Byname say of a name
    "abuse@brand-a.test": ("abuse@change-this-to-your.domain.tld", JOHN),
    "abuse@brand-c.test": ("abuse@change-this-to-your.domain.tld", None),
    "both@brand-b.test": (f"{JOHN},{MARY}", MARY),
    "out@brand-b.test": ("someone@outside.example", MARY),
    MARY: (f"{MARY},mary#brand-a.test@autoreply.brand-a.test", MARY),
    "mary@brand-c.test": (f"{MARY},mary#brand-a.test@autoreply.brand-a.test", None),
}


def parts() -> list[str]:
    """Return the lines of each numbered section as a script, and what all of them need before them."""
    text = PAGE.read_text().split("<!-- postfixadmin: a test runs these lines -->")[1]
    sections = re.split(r"^## \d.*$", text.split("<!-- postfixadmin: end -->")[0], flags=re.MULTILINE)
    scripts = ["".join(re.findall(r"^    (.*\n)", section, re.MULTILINE)) for section in sections]
    needed, scripts[0] = scripts[0].split("\n", 1)
    assert needed.startswith("ask()")
    return [f"{needed}\n{script}" for script in scripts]


class Moving:
    """The Postfix, Byname's daemons beside it, and a shell for the page's lines."""

    def __init__(self, folder: Path, postfix: PrivatePostfix, sink: Sink, config: Path, database: Path) -> None:
        self.postfix, self.sink, self._config = postfix, sink, config
        environ = {"PGHOST": str(database), "PGUSER": "byname", "MAIL_CONFIG": str(self.etc)}
        self.shell = Shell(folder, self._byname, environ)
        for name in ("psql", "pg_dump"):
            self.shell.program(name, f'#!/bin/sh\nexec {programs()}/{name} "$@"\n')
        self.shell.program("systemctl", "#!/bin/sh\n")  # the daemons run

    @property
    def etc(self) -> Path:
        return self.postfix.folders.config

    def _byname(self, words: Sequence[str], given: bytes) -> Finished:
        look_old(self.etc)
        of_postfix = ("--postfix-config", str(self.etc)) if words[0] in {"setup", "doctor"} else ()
        done = run_here(self._config, *words, *of_postfix, stdin=given)
        look_old(self.etc)
        return done

    def run(self, script: str) -> str:
        """Run lines; when they reload Postfix, wait until no process from before answers."""
        before = answering(self.postfix)
        told = self.shell(script)
        if "postfix reload" in script:
            wait_until(lambda: not before & answering(self.postfix), 20, "the end of the processes from before")
        return told

    def mails(self) -> list[Delivery]:
        """Send the mails one by one; each must have its reply, and arrive where it should."""
        self.sink.clear()
        arrived = [mailbox for _, _, mailbox in MAILS if mailbox]
        with Dialogue(self.postfix.inbound_port) as smtp:
            replies = [smtp.mail([f"<{name}>"])[1][:9] for name, _, _ in MAILS]
        assert replies == [reply for _, reply, _ in MAILS]
        found = self.sink.wait_for(len(arrived))
        assert sorted(one.recipients for one in found) == sorted((mailbox,) for mailbox in arrived)
        return found


@pytest.fixture
def moving(needs_root: None, postgres: PostgresServer, certificate: Certificate, folder: Path) -> Iterator[Moving]:
    """PostfixAdmin's site, and an empty Byname that Postfix does not know."""
    postgres.run_sql("CREATE DATABASE postfix")
    postgres.run_sql(TABLES, ROWS, database="postfix")
    postgres.folder.chmod(0o711)  # Postfix's user asks it
    maps = postfix_settings(folder, postgres.folder, "byname")
    sockets = socket_folder(folder)
    config = settings_file(folder, f"sqlite:///{folder}/byname.db", sockets)
    assert run_here(config, "db", "upgrade").code == 0
    with ExitStack() as stack:
        stack.callback(postgres.run_sql, "DROP DATABASE postfix WITH (FORCE)")
        sink = stack.enter_context(Sink(folder / "sink"))
        for name, command in daemon_commands(config).items():
            stack.enter_context(Daemon(command, folder / f"{name}.log"))
        postfix = stack.enter_context(plain_postfix(folder, sink, certificate, maps))
        chroot(postfix, "y")
        postfix.reload()
        wait_until(lambda: len(list(sockets.glob("*.sock"))) == 4, 20, "Byname's sockets")
        site = Moving(folder, postfix, sink, config, postgres.folder)
        stack.enter_context(closing(site.shell))
        yield site


def test_from_postfixadmin_and_back(moving: Moving) -> None:
    look, names, aliases, compare, switch, back = parts()
    as_it_was = texts_in(moving.etc)
    assert not [one for one in moving.mails() if delivered_to(one.content)]
    assert "@brand-b.test|mary@brand-a.test" in moving.run(look)
    moving.run(names)
    told = moving.run(aliases)
    dry, done = re.findall(r"^\d+ created.*$", told, re.MULTILINE)[:2]
    assert dry == f"{done} (a dry run: nothing was kept)"
    assert done.startswith("2 created, 1 updated")
    assert refusals(told.partition(dry)[0]) == REFUSED
    assert differences(moving.run(compare)) == DIFFERENT
    assert texts_in(moving.etc) == as_it_was
    moving.mails()
    assert "alias-maps" not in moving.run(switch)
    assert read(moving.etc).value("virtual_alias_maps") == ""
    marked = [name for one in moving.mails() for name in delivered_to(one.content)]
    assert sorted(marked) == ["anybody@brand-b.test", "john@brand-c.test", "sales@brand-b.test"]
    moving.run(back)
    assert texts_in(moving.etc) == as_it_was
    assert not [one for one in moving.mails() if delivered_to(one.content)]


def refusals(table: str) -> dict[str, str]:
    """Return the code of each refused row by its address, from a table as the import prints it."""
    rows = (line.split() for line in table.splitlines())
    return {row[1]: row[2] for row in rows if row[0].isdigit()}


def differences(told: str) -> dict[str, tuple[str | None, str | None]]:
    """Return what diff(1) says of each name: before, after."""
    sides: dict[str, dict[str, str]] = {"<": {}, ">": {}}
    for line in told.splitlines():
        if line[:1] in sides:
            name, target = line[2:].split("\t")
            sides[line[0]][name] = target
    return {name: (sides["<"].get(name), sides[">"].get(name)) for name in sides["<"].keys() | sides[">"].keys()}
