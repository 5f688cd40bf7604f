"""What every test with a real mail server needs."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from byname.sandbox.certificate import Certificate, make_certificate
from byname.sandbox.folders import short_folder
from byname.sandbox.requirements import SWAKS, missing_packages, obstacle
from byname.sandbox.site import PrivateSite
from tests.mail.world import fill


@pytest.fixture(scope="session")
def needs_root() -> None:
    """Skip on a person's machine that cannot run a private Postfix, and say why; fail where CI promises that it can."""
    if why := obstacle():
        leave_out(why)


@pytest.fixture(scope="session")
def needs_swaks() -> None:
    """The same for the program that people send test mail with."""
    if missing := missing_packages(SWAKS):
        leave_out(f"not installed: {' '.join(missing)}")


def leave_out(why: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"the mail tests cannot run: {why}", pytrace=False)
    pytest.skip(f"MAIL TESTS LEFT OUT: {why}")


@pytest.fixture(scope="session")
def needs_namespaces(needs_root: None) -> None:
    """Skip, also on CI, where the kernel gives root no namespaces (some containers): no package mends that."""
    name = f"bn{os.getpid()}-probe"
    for command in (
        ["unshare", "--mount", "--uts", "true"],
        ["ip", "netns", "add", name],
        ["ip", "netns", "del", name],
    ):
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip(f"MAIL TESTS LEFT OUT: no namespaces here: {' '.join(command)} failed")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path short enough for unix sockets, which Postfix's processes can reach."""
    with short_folder() as made:
        yield made


@pytest.fixture(scope="session")
def certificate() -> Iterator[Certificate]:
    """A certificate for localhost and 127.0.0.1."""
    with short_folder() as made:
        yield make_certificate(made)


@pytest.fixture(scope="session")
def site(needs_root: None) -> Iterator[PrivateSite]:
    """A running site with the names of ``tests.mail.world``; mailboxes are a sink that takes every recipient.

    One for all: who changes something there changes it back.
    """
    with PrivateSite(fill, into_sink=True) as started:
        yield started


@pytest.fixture(autouse=True)
def fresh_sinks(request: pytest.FixtureRequest) -> None:
    """Start each test over a shared site with empty sinks, and nothing on its way from the test before."""
    if "site" in request.fixturenames:
        running: PrivateSite = request.getfixturevalue("site")
        running.postfix.wait_until_idle()
        running.mailboxes.clear()
        running.outside.clear()
