"""docs/first-hour.md: its lines, run in their order on a Postfix and a Dovecot made from the sample files."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from byname.sandbox.recipes import RECIPES, moved
from byname.sandbox.requirements import RECIPES as RECIPE_PACKAGES
from byname.sandbox.requirements import missing_packages
from store.sql.database import Database
from tests.mail.conftest import leave_out
from tests.mail.recipes_site import RecipeSite
from tests.store.cli.command_line import run_here

PAGE = Path(__file__).parents[2] / "docs" / "first-hour.md"


def lines() -> list[str]:
    """Return the commands between the two marks."""
    text = PAGE.read_text().split("<!-- hour: a test runs these lines -->")[1].split("<!-- hour: end -->")[0]
    return [line[4:] for line in text.splitlines() if line.startswith("    ")]


def run(line: str, site: RecipeSite, variables: dict[str, str]) -> str:
    """Run a line and return what it printed. Without ``|| true`` behind it, it must go well.

    ``byname`` runs in this process, for a start of its own takes long; a line NAME=$(...) sets a variable.
    """
    command, _, may_fail = line.partition(" || ")
    if variable := re.fullmatch(r"(\w+)=\$\((.+)\)", command):
        variables[variable[1]] = run(variable[2], site, variables).strip()
        return ""
    if command.startswith("byname "):
        done = run_here(site.config, *shlex.split(command)[1:])
        code, told = done.code, done.out + done.err
    else:
        environ = os.environ | variables
        ran = subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             env=environ, check=False)  # fmt: skip
        code, told = ran.returncode, ran.stdout + ran.stderr
    assert may_fail or code == 0, f"{line}\n{told}\n{site.logs()}"
    return told


@pytest.fixture
def empty_site(needs_root: None, needs_swaks: None) -> Iterator[RecipeSite]:
    """A site as the sample files make it, without any name."""
    if missing := missing_packages(RECIPE_PACKAGES):
        leave_out(f"not installed: {' '.join(missing)}")

    def nothing(_: Database) -> dict[str, str]:
        return {}

    with RecipeSite(RECIPES[0], filling=nothing) as running:
        yield running


def test_the_first_hour(empty_site: RecipeSite) -> None:
    ports = {"--port 25 ": empty_site.inbound_port, "--port 587 ": empty_site.submission_port}
    variables: dict[str, str] = {}
    told = ""
    for line in lines():
        command = moved(line, empty_site.folder)
        for shown, port in ports.items():
            command = command.replace(shown, f"--port {port} ")
        told += run(command, empty_site, variables)
    for expected in ("Delivered-To: sales@brand-b.test", "550 5.1.1 <nobody@brand-b.test>", "553 5.7.1", "2099-09-01"):
        assert expected in told, expected
    assert told.count("250 2.0.0 Ok: queued") == 2  # one in, one out; what was refused arrived nowhere
    (sent,) = empty_site.outside.wait_for(1)
    assert (sent.sender, sent.recipients) == ("sales@brand-b.test", ("friend@outside.example",))
    assert len(empty_site.messages("john@brand-a.test")) == 1
