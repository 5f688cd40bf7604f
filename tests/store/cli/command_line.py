"""Running ``byname`` in tests: in this process, against a real SQLite file, and as a process of its own."""

import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from byname.cli import main


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Standard output, read as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error on standard error, read as JSON."""
        error: dict[str, Any] = json.loads(self.err)["error"]
        return error


def run_here(config: Path, *arguments: str, stdin: bytes = b"") -> Finished:
    """Run ``byname --config FILE`` in this process: a start of its own takes most of a second of CPU time."""
    out, err, before = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["--config", str(config), *arguments])
    finally:
        sys.stdin = before
    return Finished(code, out.getvalue(), err.getvalue())


class CommandLine:
    """``byname --config FILE`` over one folder with one settings file and one database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "byname.toml"
        self.database = folder / "byname.db"
        self.configure()

    def configure(self, *lines: str) -> None:
        """Write the settings file: the store, and ``lines`` (TOML at the top level, dotted keys)."""
        self.config.write_text("\n".join([f'store.url = "sqlite:///{self.database}"', *lines, ""]))

    def copied_to(self, folder: Path) -> "CommandLine":
        """Return the same site in another folder."""
        copy = CommandLine(folder)
        shutil.copy(self.database, copy.database)
        return copy

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Finished:
        """Run a command in this process."""
        return run_here(self.config, *arguments, stdin=stdin)

    def succeed(self, *commands: str) -> None:
        """Run commands, written as in a shell, that all must work."""
        for command in commands:
            finished = self(*command.split())
            assert finished.code == 0, (command, finished)

    def state(self) -> list[Any]:
        """Everything the database holds, as the commands show it: for "nothing half written"."""
        return [self(noun, "list", "--json").data for noun in ("account", "domain", "mailbox", "alias")]

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """Start a command as a process of its own, with pipes; ``env``: variables beside those of this process."""
        environment = {**os.environ, "TERM": "xterm", **options.pop("env", {})}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = [sys.executable, "-m", "byname", "--config", str(self.config), *arguments]
        return subprocess.Popen(command, env=environment, **(pipes | options))


SAMPLE = (
    "db upgrade",
    "account create acme --plan starter",
    "account create rival --plan nano",
    "domain add brand-a.test --account acme --verified",
    "domain add brand-b.test --account acme --verified",
    "domain add rival.test --account rival --verified",
    "domain add pending.test --account acme",
    "mailbox add john@brand-a.test --generate-password",
    "mailbox add mary@brand-a.test --generate-password",
    "mailbox add eve@rival.test --generate-password",
    "alias add sales@brand-b.test john@brand-a.test --send",
    "alias add info@brand-a.test john@brand-a.test",
)
