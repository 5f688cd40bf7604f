"""The Sieve script of the Connection tab, by Debian's own sievec and sieve-test: it compiles, and files as it says."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin_api.dashboard.mail_programs import sieve
from byname.sandbox.folders import short_folder
from byname.sandbox.requirements import RECIPES, missing_packages
from tests.mail.conftest import leave_out

AWKWARD = [
    "sales@brand-b.test", "sales@brand-a.test", "presales@brand-b.test", "john.doe@brand-b.test", "inbox@brand-b.test",
    "_@brand-b.test", "-@brand-b.test", "0@brand-b.test", "a_b-c.d@brand-b.test", "tmp@brand-b.test",
    "info@xn--bcher-kva.test", f"{'x' * 64}@brand-b.test", 'quo"te@brand-b.test', "back\\slash@brand-b.test",
    "st*r?@brand-b.test", "${x}@brand-b.test",
]  # fmt: skip
NOBODY = 65534


@pytest.fixture(scope="module")
def script() -> Iterator[Path]:
    if "dovecot-sieve" in missing_packages(RECIPES):
        leave_out("not installed: dovecot-sieve")
    with short_folder() as folder:
        path = folder / "aliases.sieve"
        path.write_text(sieve.script(AWKWARD, "+"))
        user = NOBODY if os.geteuid() == 0 else os.geteuid()
        (folder / "dovecot.conf").write_text(
            f"mail_location = maildir:{folder}/mail\nmail_uid = {user}\nmail_gid = {user}\nfirst_valid_uid = 1\n"
        )
        yield path


def test_it_compiles(script: Path) -> None:
    done = subprocess.run(["sievec", script, script.with_suffix(".svbin")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_hundred_aliases_compile(script: Path) -> None:
    many = script.with_name("many.sieve")
    many.write_text(sieve.script((f"n{number}@brand-b.test" for number in range(100)), "+"))
    done = subprocess.run(["sievec", many, many.with_suffix(".svbin")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("written_to", "folder"),
    [
        ("sales@brand-b.test", "Sales"),
        ("SALES@brand-b.test", "Sales"),
        ("sales+shop@brand-b.test", "Sales"),
        ("sales@brand-a.test", "Sales-brand-a-test"),
        ("presales@brand-b.test", "Presales"),
        ("john.doe@brand-b.test", "John-doe"),
        ("inbox+x@brand-b.test", "Inbox-brand-b-test"),
        ("-@brand-b.test", "-"),
        ("info@xn--bcher-kva.test", "Info"),
        ("star@brand-b.test", None),  # * and ? in a name are themselves
        ("salesx@brand-b.test", None),
        (None, None),
    ],
)
def test_where_mail_is_filed(script: Path, written_to: str | None, folder: str | None) -> None:
    message = script.with_name("message")
    field = f"Delivered-To: {written_to}\n" if written_to else ""
    message.write_text(f"{field}From: a@outside.test\nSubject: x\n\nbody\n")
    command = ["sieve-test", "-c", str(script.with_name("dovecot.conf")), str(script), str(message)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wanted = f"store message in folder: {folder or 'INBOX'}\n"
    assert wanted in done.stdout, done.stdout + done.stderr
