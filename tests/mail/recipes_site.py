"""A whole site started from the sample files of a recipe: Postfix, Dovecot, Byname's daemons, the outside world."""

import grp
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from byname.sandbox.recipe_daemons import RecipeDovecot, RecipePostfix
from byname.sandbox.recipes import Recipe, moved, moved_path
from byname.sandbox.running_site import RunningSite
from store.sql.database import Database
from tests.mail.world import fill
from tests.store.new_store import make_store


@dataclass(slots=True)
class RecipeSite(RunningSite):
    """A site of the sample files. Byname's daemons listen below the Postfix queue, as the samples say.

    ``filling`` puts names into the empty store and returns the password of each mailbox.
    """

    recipe: Recipe
    chrooted: bool = True
    filling: Callable[[Database], dict[str, str]] = fill

    dovecot: RecipeDovecot = field(init=False)
    postfix: RecipePostfix = field(init=False)

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

    @property
    def config(self) -> Path:
        """Byname's settings file."""
        return moved_path("/etc/byname/byname.toml", self.folder)

    def place(self, name: str) -> Path:
        """Return the socket of one of Byname's daemons."""
        return self.postfix.folders.queue / "byname" / f"{name}.sock"

    def sendmail(self, message: bytes, *arguments: str) -> None:
        """Hand in mail as a program of this machine does, with the command sendmail."""
        command = ["/usr/sbin/sendmail", "-C", str(self.postfix.folders.config), "-oi", *arguments]
        subprocess.run(command, input=message, check=True, capture_output=True)

    def logs(self) -> str:
        """Return the end of every log."""
        texts = [f"== {path.name} ==\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("byname-*.log"))]
        return "\n".join([*texts, self.dovecot.log()[-3000:], self.postfix.log()[-6000:]])

    def start_all(self) -> None:
        """Start everything, Postfix last."""
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
        make_store(f"sqlite:///{self.database}")
        database = Database.open(f"sqlite:///{self.database}")
        try:
            self.passwords = self.filling(database)
        finally:
            database.close()
