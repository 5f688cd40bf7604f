"""A Postfix as Debian has it, which knows nothing of Byname yet, and Byname's daemons on sockets below its queue."""

import grp
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from byname.sandbox.certificate import Certificate
from byname.sandbox.postfix import PrivatePostfix
from byname.sandbox.processes import session_members
from byname.sandbox.sink import Sink
from byname.setup.files import look_old

_ANSWERING = {"smtpd", "trivial-rewrite", "cleanup"}
DAEMONS = {
    "maps": ("maps",),
    "inbound": ("milter", "--role", "inbound"),
    "submission": ("milter", "--role", "submission"),
    "local": ("milter", "--role", "local"),
}


def plain_postfix(
    folder: Path, sink: Sink, certificate: Certificate, extra: Mapping[str, str] | None = None
) -> PrivatePostfix:
    """Return one below ``folder`` that hosts nothing and does nothing against smuggling; ``extra`` is for main.cf."""
    return PrivatePostfix(
        folder / "postfix",
        domains_map="",
        inbound_milter=None,
        submission_milter=None,
        lmtp=sink.transport,
        certificate=certificate,
        extra={
            "smtpd_forbid_bare_newline": "no",
            "smtpd_forbid_unauth_pipelining": "no",
            "milter_default_action": "accept",
            **(extra or {}),
        },
    )


def chroot(postfix: PrivatePostfix, how: str) -> None:
    """Chroot the services that ask Byname (``y``) or do not (``n``); no listener keeps the sandbox's own milters."""
    inbound = f"127.0.0.1:{postfix.inbound_port}/inet"
    changes = [("-PX", f"{inbound}/smtpd_milters")]
    changes += [("-F", f"{service}/chroot = {how}") for service in (inbound, "rewrite/unix", "cleanup/unix")]
    for change in changes:
        look_old(postfix.folders.config)
        subprocess.run(["postconf", "-c", str(postfix.folders.config), *change], check=True)
    (postfix.folders.queue / "etc").mkdir(exist_ok=True)
    shutil.copy("/etc/services", postfix.folders.queue / "etc" / "services")
    look_old(postfix.folders.config)


def socket_folder(folder: Path) -> Path:
    """Make the place of the sockets below the queue of the Postfix below ``folder``, as the package does."""
    place = folder / "postfix" / "queue" / "byname"
    place.mkdir(parents=True)
    os.chown(place, -1, grp.getgrnam("postfix").gr_gid)
    place.chmod(0o2750)
    return place


def settings_file(folder: Path, store_url: str, sockets: Path) -> Path:
    """Write byname.toml into ``folder``: the store, and the sockets."""
    config = folder / "byname.toml"
    config.write_text(
        f'store.url = "{store_url}"\nmaps.listen = "unix:{sockets}/maps.sock"\n[milter]\n'
        + "".join(f'{name} = "unix:{sockets}/{name}.sock"\n' for name in DAEMONS if name != "maps")
    )
    return config


def daemon_commands(config: Path) -> dict[str, list[str]]:
    """Return how each daemon is started."""
    return {name: [sys.executable, "-m", "byname", "--config", str(config), *words] for name, words in DAEMONS.items()}


def answering(postfix: PrivatePostfix) -> set[int]:
    """Return the processes that answer by what they read at their start."""
    master = postfix.master()
    return {one for one in session_members(master) if _program(one) in _ANSWERING} if master else set()


def _program(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:  # it has ended
        return ""
