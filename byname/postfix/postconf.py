"""postconf(1) run: a Postfix read into a value, and its parameters edited. The only door to the program."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from byname.postfix.machine import Postfix, Service

_SYSTEM = f"{os.defpath}:/usr/sbin:/sbin"  # a user's PATH often lacks the last two
_LONGEST = 60  # seconds


class PostfixUnreadable(Exception):
    """Postfix is not there, or its settings cannot be read; the message says which, in postconf's words."""


def default_folder() -> Path:
    """Return where the Postfix of the system has its settings. Raises PostfixUnreadable."""
    return Path(run("postconf", "-dh", "config_directory").strip())


def read(folder: Path) -> Postfix:
    """Read the Postfix whose settings lie in ``folder``.

    Raises:
        PostfixUnreadable: there is none, or its files are damaged or not for us to read.
    """
    for name in ("main.cf", "master.cf"):
        if not os.access(folder / name, os.R_OK):
            raise PostfixUnreadable(f"{folder / name} cannot be read")
    parameters = dict(_pairs(postconf(folder, "-x")))
    written = dict(_pairs(postconf(folder, "-n")))
    return Postfix(folder, parameters, written, tuple(_services(folder, parameters)))


def instances(postfix: Postfix) -> tuple[Path, ...]:
    """Return the folders of the further instances that this one manages (postmulti(1)); none without them."""
    return tuple(Path(name) for name in re.split(r"[\s,]+", postfix.value("multi_instance_directories")) if name)


def postconf(folder: Path, *arguments: str) -> str:
    """Run postconf over the settings in ``folder``. Raises PostfixUnreadable."""
    return run("postconf", "-c", str(folder.absolute()), *arguments)


def found_in(table: str, keys: Sequence[str], folder: Path) -> dict[str, str]:
    """Return what a lookup table has for those of the keys that it knows. Raises PostfixUnreadable."""
    asked = "".join(f"{key}\n" for key in keys)
    lines = run("postmap", "-c", str(folder.absolute()), "-q", "-", table, stdin=asked, may_find_nothing=True)
    return {key: value for key, _, value in (line.partition("\t") for line in lines.splitlines())}


def run(program: str, *arguments: str, stdin: str = "", may_find_nothing: bool = False) -> str:
    """Run a program of Postfix's, without the environment variables that would lead it elsewhere.

    ``may_find_nothing``: 1 without a word is no error, as of ``postmap -q``.

    Raises:
        PostfixUnreadable: it is not installed, or ended with an error; the message holds its last line.
    """
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_SYSTEM}")
    if path is None:
        raise PostfixUnreadable(f"Postfix is not installed: there is no program {program}")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAIL_")} | {"PATH": _SYSTEM}
    command = [path, *arguments]
    try:
        done = subprocess.run(
            command, env=environ, input=stdin, capture_output=True, text=True, check=False, timeout=_LONGEST,
            errors="backslashreplace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise PostfixUnreadable(f"{program} gave no answer in {_LONGEST} s") from None
    if done.returncode != 0 and not (may_find_nothing and done.returncode == 1 and not done.stderr.strip()):
        raise PostfixUnreadable((done.stderr.strip().splitlines() or [f"{program} failed"])[-1])
    return done.stdout


def _services(folder: Path, parameters: dict[str, str]) -> Iterator[Service]:
    options, written = _options(postconf(folder, "-Px")), _options(postconf(folder, "-P"))
    by_default = parameters.get("compatibility_level", "0").startswith("0")  # master(5): "-" is y up to level 0
    for line in postconf(folder, "-M").splitlines():
        name, kind, _, _, chroot, _, _, command = line.split(maxsplit=7)
        chrooted = chroot == "y" or (chroot == "-" and by_default)
        key = f"{name}/{kind}"
        yield Service(name, kind, chrooted, command.split()[0], options.get(key, {}), written.get(key, {}))


def _options(text: str) -> dict[str, dict[str, str]]:
    """Return the parameters of each service, from lines such as ``submission/inet/smtpd_milters = ...``."""
    found: dict[str, dict[str, str]] = {}
    for name, value in _pairs(text):
        service, _, parameter = name.rpartition("/")
        found.setdefault(service, {})[parameter] = value
    return found


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, sign, value = line.partition(" =")
        if sign:
            yield name, value.strip()
