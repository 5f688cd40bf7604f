"""A Roundcube of one's own below one folder: Debian's program, our configuration and plugin, SQLite, PHP's own server.

Nothing of a Roundcube of the system is read but its program: the folder has its own configuration, database, temporary
files and logs, and its plugins are links to Debian's, without the settings that Debian keeps in /etc.
"""

import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from pwd import getpwnam
from types import TracebackType
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

import conf
from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.processes import Daemon
from byname.sandbox.waiting import wait_until

_PROGRAM = Path("/usr/share/roundcube")
_DEFAULTS = Path("/etc/roundcube")  # of which Debian keeps two files outside the program
_USER = "www-data"  # of every Debian; PHP does not run as root
_PLUGINS = ("filesystem_attachments", "jqueryui", "managesieve", "show_additional_headers")
_OURS = "byname_identities"
_ENTRY = "<?php define('INSTALL_PATH', {folder!r} . '/'); include INSTALL_PATH . 'index.php';\n"
_SERVERS = 4  # a browser opens several connections at once


@dataclass(slots=True)
class PrivateRoundcube:
    """A Roundcube over an IMAP, a submission, a ManageSieve port and Byname's API; a context manager."""

    folder: Path
    imap_port: int
    submission_port: int
    sieve_port: int
    api_url: str
    token: str  # for the plugin
    certificate: Path  # of the submission server, and its own authority
    port: int = field(default_factory=free_port)
    _daemon: Daemon | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.port}/"

    @property
    def database(self) -> Path:
        """Users, identities, sessions."""
        return self.folder / "db" / "roundcube.db"

    def log(self) -> str:
        """Return what it logged so far."""
        logs = [self.folder / "php.log", *sorted((self.folder / "logs").glob("*"))]
        return "\n".join(path.read_text(errors="backslashreplace") for path in logs if path.exists())

    def start(self) -> None:
        """Make the folder, start, and wait until it answers.

        Raises:
            SandboxError: it did not start; the end of its log is in the message.
        """
        self._link_program()
        self.database.touch()  # Roundcube makes the tables in an empty file
        self._configure()
        self._give_away()
        options = ("-d", "opcache.enable_cli=1", "-d", "short_open_tag=0")
        command = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", "php", *options]
        command += ["-S", f"{LOOPBACK}:{self.port}", "-t", str(self.folder / "public")]
        environ = {"PATH": os.environ.get("PATH", ""), "PHP_CLI_SERVER_WORKERS": str(_SERVERS)}
        self._daemon = Daemon(command, self.folder / "php.log", environ)
        self._daemon.start()
        wait_until(self._answers, 60, "the private Roundcube")

    def stop(self) -> None:
        """Stop it; no process stays behind."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.stop()

    def _link_program(self) -> None:
        for name in ("config", "db", "logs", "temp", "plugins", "public"):
            (self.folder / name).mkdir(parents=True)
        for name in ("index.php", "program", "skins", "SQL"):
            (self.folder / name).symlink_to(_PROGRAM / name)
        for name in ("defaults.inc.php", "mimetypes.php"):
            (self.folder / "config" / name).symlink_to(_DEFAULTS / name)
        (self.folder / "public" / "program").mkdir()
        for name in ("program/js", "program/resources", "skins", "plugins"):  # what a browser may ask for
            (self.folder / "public" / name).symlink_to(self.folder / name)
        (self.folder / "public" / "index.php").write_text(_ENTRY.format(folder=str(self.folder)))
        for name in _PLUGINS:
            self._link_plugin(name)
        with as_file(files(conf).joinpath("roundcube/plugins", _OURS)) as source:
            shutil.copytree(source, self.folder / "plugins" / _OURS)

    def _link_plugin(self, name: str) -> None:
        """Link all of Debian's plugin but its settings."""
        target = self.folder / "plugins" / name
        target.mkdir()
        for part in (_PROGRAM / "plugins" / name).iterdir():
            if part.name != "config.inc.php":
                (target / part.name).symlink_to(part)

    def _configure(self) -> None:
        token = self.folder / "config" / "byname.token"
        token.write_text(self.token)
        sample = files(conf).joinpath("roundcube/config.inc.php").read_text(encoding="utf-8")
        lines = [f"$config[{_php(name)}] = {_php(value)};" for name, value in self._places(token).items()]
        (self.folder / "config" / "config.inc.php").write_text("\n".join([sample, "// of this instance", *lines, ""]))

    def _places(self, token: Path) -> Mapping[str, object]:
        """What differs from the sample: places and ports, and what keeps the instance by itself."""
        return {
            "db_dsnw": f"sqlite:///{self.database}?mode=0640",
            "des_key": secrets.token_urlsafe(18),
            "imap_host": f"{LOOPBACK}:{self.imap_port}",
            "smtp_host": f"tls://localhost:{self.submission_port}",
            "smtp_conn_options": {"ssl": {"cafile": str(self.certificate)}},
            "managesieve_host": f"{LOOPBACK}:{self.sieve_port}",
            "byname_api_url": self.api_url,
            "byname_api_token_file": str(token),
            "language": "en_US",
            "support_url": "",
            "session_lifetime": 60,
            "log_dir": str(self.folder / "logs"),
            "temp_dir": str(self.folder / "temp"),
        }

    def _give_away(self) -> None:
        """Let PHP write where it must, and read the token; nobody else reads that."""
        user = getpwnam(_USER)
        token = self.folder / "config" / "byname.token"
        for path in (*(self.folder / name for name in ("db", "logs", "temp")), self.database, token):
            os.chown(path, user.pw_uid, user.pw_gid)
        token.chmod(0o400)

    def _answers(self) -> bool:
        if self._daemon is not None:
            self._daemon.check_running()
        try:
            with urlopen(self.url, timeout=60):  # noqa: S310 - our own http
                return self.database.stat().st_size > 0
        except URLError:  # it does not listen yet
            return False

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _php(value: object) -> str:
    """Return a text, a number or an array of such as PHP writes it."""
    if isinstance(value, Mapping):
        return "[" + ", ".join(f"{_php(name)} => {_php(one)}" for name, one in value.items()) + "]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value)
