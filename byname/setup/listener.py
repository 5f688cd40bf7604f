"""The listener for the Message API, as an entry of master.cf (conf/postfix/internal). Pure."""

from byname.postfix.machine import Postfix
from byname.postfix.milters import write_milters
from byname.setup.wanted import our_milters
from conf.listen import is_loopback, parse_host_port
from conf.settings import Settings


def internal_listener(postfix: Postfix, settings: Settings) -> str | None:
    """Return the entry, in one line; None when it is there already, or ``[sending] listener`` wants none of us."""
    if settings.sending.listener is None:
        return None
    at = parse_host_port(settings.sending.listener)
    host = "127.0.0.1" if at.host == "localhost" else at.host
    if not is_loopback(host) or any(_port(one.name) == at.port for one in postfix.services if one.takes_smtp):
        return None
    chroot = "y" if any(one.chrooted for one in postfix.of_program("smtpd")) else "n"
    bare = host.strip("[]")
    options = {
        "syslog_name": "postfix/internal",
        "smtpd_milters": write_milters(our_milters(postfix, settings, "internal")),
        "smtpd_authorized_xclient_hosts": bare,
        "mynetworks": f"[{bare}]/128" if ":" in bare else f"{bare}/32",
        "smtpd_client_restrictions": "permit_mynetworks, reject",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "smtpd_sender_restrictions": "",
        "smtpd_sasl_auth_enable": "no",
        "smtpd_tls_security_level": "none",
        "local_header_rewrite_clients": "",
    }
    name = f"[{bare}]:{at.port}" if ":" in bare else f"{bare}:{at.port}"
    written = " ".join(_option(key, value) for key, value in options.items())
    return f"{name} inet n - {chroot} - - smtpd {written}"


def _option(key: str, value: str) -> str:
    return f"-o {{ {key} = {value} }}" if " " in value else f"-o {key}={value}"


def _port(name: str) -> int | None:
    port = name.rpartition(":")[2]
    return int(port) if port.isdigit() else None
