"""``config-v1.1.xml``: what Thunderbird, K-9, Evolution, KMail and FairEmail ask for.

Source: "Autoconfig: config file format" of Mozilla's Thunderbird (clientConfig, version 1.1), in the order of its
elements. ``%EMAILADDRESS%`` is filled in by the program.
"""

from xml.etree.ElementTree import Element, SubElement, tostring

from admin_api.setup.servers import Servers
from conf.clients import Server

MEDIA_TYPE = "application/xml"
ASKED_FOR = "%EMAILADDRESS%"

_SOCKET_TYPES = {"SSL/TLS": "SSL", "STARTTLS": "STARTTLS"}
_PASSWORD = "password-cleartext"  # noqa: S105 - the name of AUTH PLAIN and LOGIN, inside of TLS


def config(domain: str, servers: Servers, login: str = ASKED_FOR) -> bytes:
    """Return the file for a domain.

    Args:
        domain: A-labels.
        servers: where mail is read and sent.
        login: the name to sign in with.
    """
    root = Element("clientConfig", version="1.1")
    provider = SubElement(root, "emailProvider", id=domain)
    _texts(provider, domain=domain, displayName=f"Mail of {domain}", displayShortName=domain)
    _server(provider, "incomingServer", "imap", servers.imap, login)
    for server in servers.sending:
        _server(provider, "outgoingServer", "smtp", server, login)
    if servers.webmail is not None:
        web = SubElement(root, "webMail")
        SubElement(web, "loginPage", url=servers.webmail)
    return bytes(tostring(root, "utf-8", xml_declaration=True))


def _server(parent: Element, tag: str, kind: str, server: Server, login: str) -> None:
    _texts(
        SubElement(parent, tag, type=kind),
        hostname=server.host,
        port=str(server.port),
        socketType=_SOCKET_TYPES[server.encryption],
        authentication=_PASSWORD,
        username=login,
    )


def _texts(parent: Element, **texts: str) -> None:
    for tag, text in texts.items():
        SubElement(parent, tag).text = text
