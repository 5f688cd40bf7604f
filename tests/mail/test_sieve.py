"""A user's own Sieve script files by Delivered-To, and nobody outside can steer it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from byname.sandbox.recipes import RECIPES, VMAIL, moved_path
from byname.sandbox.requirements import RECIPES as RECIPE_PACKAGES
from byname.sandbox.requirements import missing_packages
from tests.mail.conftest import leave_out
from tests.mail.dialogue import Dialogue
from tests.mail.headers import delivered_to
from tests.mail.recipes_site import RecipeSite
from tests.mail.world import JOHN

SCRIPT = 'require ["fileinto", "mailbox"];\nif header :contains "Delivered-To" "sales@" { fileinto :create "Sales"; }\n'
FORGED = b"Delivered-To: sales@brand-b.test\r\nDELIVERED-TO:\r\n sales@brand-a.test\r\nSubject: forged\r\n\r\nbody\r\n"


@pytest.fixture(scope="module", params=[recipe for recipe in RECIPES if recipe.dovecot_lmtp], ids=lambda one: one.name)
def filing(request: pytest.FixtureRequest, needs_root: None) -> Iterator[RecipeSite]:
    """A site of a recipe in which Dovecot delivers, with a script of John's."""
    if missing := missing_packages(RECIPE_PACKAGES):
        leave_out(f"not installed: {' '.join(missing)}")
    with RecipeSite(request.param) as started:
        home = moved_path("/var/vmail/brand-a.test/john", started.folder)
        home.mkdir(parents=True, exist_ok=True)
        (home / ".dovecot.sieve").write_text(SCRIPT)
        for path in (home.parent, home, home / ".dovecot.sieve"):
            os.chown(path, VMAIL, VMAIL)
        yield started


@pytest.mark.parametrize(
    ("typed", "message", "folder", "shown"),
    [
        ("<sales@brand-b.test>", FORGED, ".Sales", ["sales@brand-b.test"]),
        ("<SALES@Brand-B.Test>", FORGED, ".Sales", ["sales@brand-b.test"]),
        ("<info@brand-a.test>", FORGED, ".", ["info@brand-a.test"]),
        ("<john@brand-a.test>", FORGED, ".", []),
    ],
)
def test_only_the_name_written_to_steers_the_script(
    filing: RecipeSite, typed: str, message: bytes, folder: str, shown: list[str]
) -> None:
    filing.clear()
    for path in maildir(filing, ".Sales").glob("new/*"):
        path.unlink()
    with Dialogue(filing.inbound_port) as smtp:
        assert smtp.mail([typed], message)[-1].startswith("250")
    filing.postfix.wait_until_idle()
    found = {name: in_folder(filing, name) for name in (".", ".Sales")}
    assert [delivered_to(copy) for copy in found.pop(folder)] == [shown]
    assert list(found.values()) == [[]]


def in_folder(site: RecipeSite, name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(maildir(site, name).glob("new/*"))]


def maildir(site: RecipeSite, name: str) -> Path:
    return moved_path("/var/mail/vhosts", site.folder) / "brand-a.test" / JOHN.partition("@")[0] / "Maildir" / name
