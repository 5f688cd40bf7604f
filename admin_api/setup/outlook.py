"""``autodiscover.xml``: what Outlook asks for, plain XML (POX).

Source: Microsoft's open specification MS-OXDSCLI, "Autodiscover Publishing and Lookup Protocol": the request in
section 2.2.3, the response in 2.2.4 (Account, Protocol; ErrorCode 600 for a request that is none, 601 for a schema that
is not known here).
"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from admin_api.setup.servers import Servers
from conf.clients import Server

MEDIA_TYPE = "application/xml"
LARGEST_REQUEST = 16_000  # bytes; Outlook sends some 400

_BASE = "http://schemas.microsoft.com/exchange/autodiscover"
_REQUEST = f"{_BASE}/outlook/requestschema/2006"
_RESPONSE = f"{_BASE}/responseschema/2006"
_ACCOUNT = f"{_BASE}/outlook/responseschema/2006a"
_LONGEST_ADDRESS = 320
_ENCRYPTIONS = {"SSL/TLS": "SSL", "STARTTLS": "TLS"}


class RequestInvalid(ValueError):
    """The request is none: not XML, or without what it must hold."""


class SchemaUnknown(ValueError):
    """The program wants another kind of answer (Exchange ActiveSync, say)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that says why there is none."""

    code: int
    message: str


INVALID = Fault(600, "Invalid Request")
NOT_AVAILABLE = Fault(601, "Provider is not available")
NOT_HOSTED = Fault(500, "The email address cannot be found")


def asked_for(body: bytes) -> str:
    """Return the address of a request.

    Raises:
        RequestInvalid, SchemaUnknown: see there. A document type, with which XML brings entities, is none of a request.
    """
    if b"<!" in body or b"\0" in body:
        raise RequestInvalid
    try:
        root = fromstring(body)  # noqa: S314 - without a document type there are no entities
    except (ParseError, ValueError) as error:
        raise RequestInvalid from error
    address = root.findtext(f"{{{_REQUEST}}}Request/{{{_REQUEST}}}EMailAddress", "").strip()
    schema = root.findtext(f"{{{_REQUEST}}}Request/{{{_REQUEST}}}AcceptableResponseSchema", _ACCOUNT).strip()
    if not address or len(address) > _LONGEST_ADDRESS:
        raise RequestInvalid
    if schema != _ACCOUNT:
        raise SchemaUnknown
    return address


def settings(address: str, servers: Servers) -> bytes:
    """Return the answer: where ``address`` is read and sent from, with itself as login."""
    root = Element("Autodiscover", xmlns=_RESPONSE)
    response = SubElement(root, "Response", xmlns=_ACCOUNT)
    SubElement(SubElement(response, "User"), "DisplayName").text = address
    account = SubElement(response, "Account")
    _texts(account, AccountType="email", Action="settings")
    _protocol(account, "IMAP", servers.imap, address)
    for server in servers.sending:
        _protocol(account, "SMTP", server, address, UsePOPAuth="on", SMTPLast="off")
    return bytes(tostring(root, "utf-8", xml_declaration=True))


def fault(found: Fault, moment: str) -> bytes:
    """Return the answer that says why there is none. ``moment``: the time of day, as ``21:23:54.123``."""
    root = Element("Autodiscover", xmlns=_RESPONSE)
    error = SubElement(SubElement(root, "Response"), "Error", Time=moment, Id="1")
    _texts(error, ErrorCode=str(found.code), Message=found.message, DebugData="")
    return bytes(tostring(root, "utf-8", xml_declaration=True))


def _protocol(account: Element, kind: str, server: Server, login: str, **more: str) -> None:
    _texts(
        SubElement(account, "Protocol"),
        Type=kind,
        Server=server.host,
        Port=str(server.port),
        DomainRequired="off",
        LoginName=login,
        SPA="off",
        SSL="on",
        Encryption=_ENCRYPTIONS[server.encryption],
        AuthRequired="on",
        **more,
    )


def _texts(parent: Element, **texts: str) -> None:
    for tag, text in texts.items():
        SubElement(parent, tag).text = text
