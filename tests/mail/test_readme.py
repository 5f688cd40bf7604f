"""The README's Postfix lines, run on a private Postfix, chrooted as Debian has it and not."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from byname.sandbox.certificate import Certificate
from byname.sandbox.postfix import PrivatePostfix
from byname.sandbox.processes import Daemon
from byname.sandbox.sink import Sink
from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from tests.mail.dialogue import Dialogue
from tests.mail.headers import delivered_to
from tests.mail.plain_postfix import chroot, daemon_commands, plain_postfix, settings_file, socket_folder

README = Path(__file__).parents[2] / "README.md"


def postconf_lines() -> list[list[str]]:
    text = README.read_text().split("<!-- postfix: a test runs these lines -->")[1].split("<!-- postfix: end -->")[0]
    return [[option, setting] for option, setting in re.findall(r"postconf (-[eP]) '([^']+)'", text)]


def test_the_readme_has_its_lines() -> None:
    assert len(postconf_lines()) == 12


@pytest.fixture
def running(site: PrivateSite, folder: Path) -> Iterator[None]:
    """Byname's daemons on unix sockets below a Postfix queue, as the README's settings have them."""
    place = socket_folder(folder)
    commands = daemon_commands(settings_file(folder, f"sqlite:///{site.database}", place))
    with ExitStack() as stack:
        for name, command in commands.items():
            stack.enter_context(Daemon(command, folder / f"{name}.log"))
        for name in commands:
            wait_until((place / f"{name}.sock").exists, 20, f"{name}.sock")
        yield


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("how", ["y", "n"])
def test_the_readmes_postfix_lines_work(folder: Path, certificate: Certificate, how: str) -> None:
    local = {"mydestination": "mail.byname.test"}
    with Sink(folder / "sink") as sink, plain_postfix(folder, sink, certificate, local) as postfix:
        configure_as_the_readme_says(postfix)
        chroot(postfix, how)
        postfix.reload()
        names = ("sales@brand-b.test", "disabled@brand-b.test", "x@outside.example", "unknown@mail.byname.test")
        with Dialogue(postfix.inbound_port) as smtp:
            replies = [reply[:9] for reply in smtp.mail([f"<{name}>" for name in names])]
        assert replies == ["250 2.1.0", "250 2.1.5", "550 5.1.1", "554 5.7.1", "550 5.1.1", "250 2.0.0"]
        send_locally(postfix, "sales@brand-b.test")
        for delivery in sink.wait_for(2):
            assert delivery.recipients == ("john@brand-a.test",)
            assert delivered_to(delivery.content) == ["sales@brand-b.test"]


def send_locally(postfix: PrivatePostfix, recipient: str) -> None:
    """Hand in mail as a program of this machine does: it passes no smtpd, as a bounce does not."""
    command = ["sendmail", "-C", str(postfix.folders.config), "-f", "", recipient]
    subprocess.run(command, input=b"Subject: local\n\nx\n", check=True)


def configure_as_the_readme_says(postfix: PrivatePostfix) -> None:
    listeners = {"submission": postfix.submission_port, "submissions": postfix.submissions_port}
    for option, setting in postconf_lines():
        service, slash, rest = setting.partition("/inet/")
        postconf(postfix, option, f"127.0.0.1:{listeners[service]}/inet/{rest}" if slash else setting)


def postconf(postfix: PrivatePostfix, option: str, setting: str) -> None:
    subprocess.run(["postconf", "-c", str(postfix.folders.config), option, setting], check=True)
