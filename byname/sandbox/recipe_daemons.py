"""Postfix and Dovecot started from the sample files of a recipe."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from pwd import getpwnam

from byname.sandbox.dovecot_config import apart
from byname.sandbox.dovecot_instance import DovecotInstance
from byname.sandbox.errors import SandboxError
from byname.sandbox.ports import free_port
from byname.sandbox.postfix_config import place_settings, settings_text
from byname.sandbox.postfix_instance import PostfixInstance
from byname.sandbox.recipes import (
    SIEVE,
    VMAIL,
    Recipe,
    listening_on,
    moved,
    moved_path,
    names_set,
    not_chrooted,
)


@dataclass(slots=True)
class RecipePostfix(PostfixInstance):
    """A Postfix with the main.cf and master.cf of a recipe; ``folder`` is ``site / "postfix"``."""

    recipe: Recipe = field(kw_only=True)
    site: Path = field(kw_only=True)
    outside: str = field(kw_only=True)  # transport for everyone else's mail
    chrooted: bool = field(kw_only=True, default=True)

    def main_cf(self) -> str:
        """Return the recipe's main.cf, and after it what keeps this instance by itself."""
        sample = moved(self.recipe.files()["/etc/postfix/main.cf"], self.site)
        apart = place_settings(self.folders) | {"default_transport": self.outside}
        taken = names_set(sample)
        return f"{sample}\n{settings_text({key: value for key, value in apart.items() if key not in taken})}"

    def master_cf(self) -> str:
        """Return the recipe's master.cf on our ports."""
        sample = self.recipe.files()["/etc/postfix/master.cf"]
        sample = sample if self.chrooted else not_chrooted(sample)
        ports = {"smtp": self.inbound_port, "submission": self.submission_port, "submissions": self.submissions_port}
        return listening_on(sample, ports)

    def prepare(self) -> None:
        """Make what an installed Postfix has: the folders of its queue, and below it what a chrooted service reads."""
        for path in (self.folders.config, self.folders.queue / "private", self.folders.queue / "etc"):
            path.mkdir(parents=True, exist_ok=True)
        private = self.folders.queue / "private"
        os.chown(private, getpwnam("postfix").pw_uid, -1)
        private.chmod(0o700)
        for name in ("services", "hosts", "nsswitch.conf"):  # as Debian's start script copies them
            if Path("/etc", name).exists():
                shutil.copy(Path("/etc", name), self.folders.queue / "etc" / name)


@dataclass(slots=True)
class RecipeDovecot(DovecotInstance):
    """A Dovecot with the files of a recipe; ``folder`` is ``site / "dovecot"``.

    ``store`` replaces the two lines that name the database (``driver`` and ``connect``) when it is not SQLite.
    """

    recipe: Recipe = field(kw_only=True)
    site: Path = field(kw_only=True)
    store: str | None = field(kw_only=True, default=None)
    imaps_port: int = field(kw_only=True, default_factory=free_port)

    @property
    def sasl_socket(self) -> Path:
        """In Postfix's queue, as the sample has it."""
        return moved_path("/var/spool/postfix/private/auth", self.site)

    @property
    def lmtp_socket(self) -> Path | None:
        """Where the recipe has it."""
        return None if self.recipe.dovecot_lmtp is None else moved_path(self.recipe.dovecot_lmtp, self.site)

    @property
    def mail(self) -> Path:
        """Where the Maildirs lie."""
        return moved_path("/var/mail/vhosts", self.site)

    def configure(self) -> None:
        """Write its files, make the folders of mail, and compile the Sieve script.

        Raises:
            SandboxError: the script does not compile.
        """
        for path in (self.mail, moved_path("/var/vmail", self.site)):
            path.mkdir(parents=True, exist_ok=True)
            os.chown(path, VMAIL, VMAIL)
        for installed, text in self.recipe.files().items():
            if installed.startswith("/etc/dovecot/"):
                path = moved_path(installed, self.site)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self._adapted(installed, moved(text, self.site)))
        if SIEVE in self.recipe.files():
            self._compile_sieve()

    def _adapted(self, installed: str, text: str) -> str:
        if installed.endswith("/dovecot.conf"):
            text = text.replace("port = 143", f"port = {self.imap_port}")
            text = text.replace("port = 993", f"port = {self.imaps_port}")
            text += f"\n{apart(self.folder, moved_path('/run/dovecot', self.site))}"
        if installed.endswith("-sql.conf.ext") and self.store is not None:
            text = re.sub(r"^driver = .*\nconnect = .*$", lambda _: str(self.store), text, flags=re.MULTILINE)
        return text

    def _compile_sieve(self) -> None:
        command = ["sievec", "-c", str(self.folder / "dovecot.conf"), str(moved_path(SIEVE, self.site))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SandboxError(f"{' '.join(command)}: {done.stderr}")
