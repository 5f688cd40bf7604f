"""``byname`` at a terminal: questions, tables, Ctrl-C; and none of it where there is no terminal."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from tests.store.cli.command_line import CommandLine

PATIENCE = 20.0


class Terminal:
    """A command with a person in front of it."""

    def __init__(self, byname: CommandLine, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = byname.start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.seen = ""

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            self._read()

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def press_ctrl_c(self) -> None:
        """Press it until the command ends: between the question and the reading of the answer nobody notices."""
        for _ in range(10):
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
                return

    def finish(self) -> int:
        while self._read():
            pass
        code = self.process.wait(PATIENCE)
        os.close(self._ours)
        return code

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], PATIENCE)
        assert ready, self.seen
        try:
            self.seen += os.read(self._ours, 10_000).decode()
        except OSError:  # the other end is closed
            return False
        return True


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, False), ("n\n", 65, True), ("\n", 65, True)])
def test_removing_a_mailbox_asks_and_lists_what_goes(byname: CommandLine, answer: str, code: int, left: bool) -> None:
    terminal = Terminal(byname, "mailbox", "remove", "john@brand-a.test")
    terminal.wait_for("Go on? [y/N]")
    assert "sales@brand-b.test" in terminal.seen
    assert "info@brand-a.test" in terminal.seen
    terminal.type(answer)
    assert terminal.finish() == code
    assert ("john@brand-a.test" in byname("mailbox", "list").out) == left
    assert ("sales@brand-b.test" in byname("alias", "list").out) == left


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, False), ("n\n", 65, True)])
def test_removing_a_domain_with_names_asks(byname: CommandLine, answer: str, code: int, left: bool) -> None:
    terminal = Terminal(byname, "domain", "remove", "brand-b.test")
    terminal.wait_for("Go on? [y/N]")
    terminal.type(answer)
    assert terminal.finish() == code
    assert ("brand-b.test" in byname("domain", "list").out) == left


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, False), ("n\n", 65, True)])
def test_removing_an_account_asks_and_lists_what_goes(byname: CommandLine, answer: str, code: int, left: bool) -> None:
    byname.succeed("account create late --plan nano", "token create --account late --name web")
    terminal = Terminal(byname, "account", "remove", "late")
    terminal.wait_for("Go on? [y/N]")
    assert "This removes the account late" in terminal.seen
    assert "its token bn_ops_" in terminal.seen
    terminal.type(answer)
    assert terminal.finish() == code
    assert ("late" in byname("account", "list").out) == left


def test_ctrl_c_at_a_question(byname: CommandLine) -> None:
    before = byname.state()
    terminal = Terminal(byname, "mailbox", "remove", "john@brand-a.test")
    terminal.wait_for("Go on? [y/N]")
    terminal.press_ctrl_c()
    assert terminal.finish() == 130
    assert "Traceback" not in terminal.seen
    assert byname.state() == before


def test_a_typed_password_is_not_shown(byname: CommandLine) -> None:
    terminal = Terminal(byname, "mailbox", "add", "new@brand-a.test", "--password-stdin")
    terminal.wait_for("Password: ")
    terminal.type("correct horse\n")
    assert terminal.finish() == 0
    assert "correct" not in terminal.seen
    assert "new@brand-a.test" in byname("mailbox", "list").out


def test_a_table_is_drawn(byname: CommandLine) -> None:
    terminal = Terminal(byname, "alias", "list")
    assert terminal.finish() == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.seen)
    assert "sales@brand-b.test" in plain
    assert "\u2500" in plain


def test_without_a_terminal_nothing_is_asked(byname: CommandLine) -> None:
    with byname.start("mailbox", "remove", "john@brand-a.test") as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (65, "")
    assert err.splitlines()[0].startswith("byname: confirmation-required: ")
