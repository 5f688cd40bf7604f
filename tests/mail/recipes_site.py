"""A whole site started from the sample files of a recipe: Postfix, Dovecot, Byname's daemons, the outside world."""

import grp
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from byname.rig.certificate import Certificate, make_certificate
from byname.rig.folders import short_folder
from byname.rig.processes import Daemon
from byname.rig.recipe_daemons import RecipeDovecot, RecipePostfix
from byname.rig.recipes import Recipe, moved, moved_path
from byname.rig.sink import Sink
from byname.rig.waiting import greets, wait_until
from store.sql.database import Database
from store.sql.migrate import upgrade
from tests.mail.world import fill

# Arguments that start each of Byname's daemons.
DAEMONS = {
    "inbound": ("milter", "--role", "inbound"),
    "submission": ("milter", "--role", "submission"),
    "local": ("milter", "--role", "local"),
    "maps": ("maps",),
    "lmtp": ("lmtp",),
}


@dataclass(slots=True)
class RecipeSite:
    """A running site; a context manager. Byname's daemons listen below the Postfix queue, as the samples say.

    ``filling`` puts names into the empty store and returns the password of each mailbox.
    """

    recipe: Recipe
    chrooted: bool = True
    filling: Callable[[Database], dict[str, str]] = fill

    folder: Path = field(init=False)
    certificate: Certificate = field(init=False)
    passwords: dict[str, str] = field(init=False)
    daemons: dict[str, Daemon] = field(init=False, default_factory=dict)
    outside: Sink = field(init=False)  # everybody else's mail server
    dovecot: RecipeDovecot = field(init=False)
    postfix: RecipePostfix = field(init=False)
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    @property
    def inbound_port(self) -> int:
        """The stand-in of port 25."""
        return self.postfix.inbound_port

    @property
    def submission_port(self) -> int:
        """The stand-in of port 587."""
        return self.postfix.submission_port

    @property
    def database(self) -> Path:
        """The store's SQLite file."""
        return moved_path("/var/lib/byname/byname.db", self.folder)

    def messages(self, mailbox: str) -> list[bytes]:
        """Return the messages delivered to a mailbox, oldest first, once nothing is on its way any more."""
        self.postfix.wait_until_idle()
        return self.dovecot.messages(mailbox)

    def clear(self) -> None:
        """Forget what was delivered, here and outside."""
        self.dovecot.clear()
        self.outside.clear()

    def command(self, *arguments: str) -> list[str]:
        """Return a ``byname`` command for this site."""
        config = moved_path("/etc/byname/byname.toml", self.folder)
        return [sys.executable, "-m", "byname", "--config", str(config), *arguments]

    def admin(self, *arguments: str) -> None:
        """Run a ``byname`` command as an admin would."""
        subprocess.run(self.command(*arguments), check=True, capture_output=True)

    def start_daemon(self, name: str) -> None:
        """Start one of Byname's daemons (again), and wait until it listens."""
        daemon = Daemon(self.command(*DAEMONS[name]), self.folder / f"byname-{name}.log")
        self.daemons[name] = daemon
        self._stack.callback(daemon.stop)
        daemon.start()

    def wait_for_daemon(self, name: str) -> None:
        """Wait until a daemon listens."""
        wait_until(lambda: self._listens(name), 30, f"byname {name}")

    def sendmail(self, message: bytes, *arguments: str) -> None:
        """Hand in mail as a program of this machine does, with the command sendmail."""
        command = ["/usr/sbin/sendmail", "-C", str(self.postfix.folders.config), "-oi", *arguments]
        subprocess.run(command, input=message, check=True, capture_output=True)

    def logs(self) -> str:
        """Return the end of every log."""
        texts = [f"== {path.name} ==\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("byname-*.log"))]
        return "\n".join([*texts, self.dovecot.log()[-3000:], self.postfix.log()[-6000:]])

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def _start(self) -> None:
        self.folder = self._stack.enter_context(short_folder())
        self.certificate = make_certificate(self.folder)
        self.outside = self._stack.enter_context(Sink(self.folder / "outside", "smtp"))
        folder, recipe = self.folder, self.recipe
        self.dovecot = RecipeDovecot(folder / "dovecot", recipe=recipe, site=folder)
        outside, chrooted = self.outside.transport, self.chrooted
        self.postfix = RecipePostfix(folder / "postfix", recipe=recipe, site=folder, outside=outside, chrooted=chrooted)
        self.postfix.prepare()
        self._write_byname_and_maps()
        self._make_store()
        for name in recipe.daemons:
            self.start_daemon(name)
        self._stack.enter_context(self.dovecot)
        for name in recipe.daemons:
            self.wait_for_daemon(name)
        self._stack.enter_context(self.postfix)

    def _write_byname_and_maps(self) -> None:
        # The first as systemd/byname.tmpfiles.conf makes it, the other as byname-maildirs.cf asks for it.
        for place in (self.postfix.folders.queue / "byname", self.database.parent):
            place.mkdir()
            os.chown(place, -1, grp.getgrnam("postfix").gr_gid)
            place.chmod(0o2750)
        for installed, text in self.recipe.files().items():
            if installed.endswith((".toml", "-maildirs.cf")):
                path = moved_path(installed, self.folder)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(moved(text, self.folder))

    def _make_store(self) -> None:
        upgrade(f"sqlite:///{self.database}")
        database = Database.open(f"sqlite:///{self.database}")
        try:
            self.passwords = self.filling(database)
        finally:
            database.close()

    def _listens(self, name: str) -> bool:
        self.daemons[name].check_running()
        return greets(self.postfix.folders.queue / "byname" / f"{name}.sock", b"")
