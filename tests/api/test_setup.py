"""Set-up for mail programs: Thunderbird's and Outlook's files without a token, Apple's profile with one."""

import plistlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import httpx
import pytest

from admin_api import signing
from admin_api.setup.routes import OUTLOOK, THUNDERBIRD
from admin_api.site import Clients
from store.services import domain_settings, domains
from tests.api.running_api import CLIENTS, RunningApi, code_of, site_over
from tests.api.tenants import Tenant

PATH = THUNDERBIRD[0]
NO_SETUP = (404, "not-found")
RESPONSE = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
FAULTS = "{http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006}"
REQUEST = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>'
    "<EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>{schema}</AcceptableResponseSchema>"
    "</Request></Autodiscover>"
)
SCHEMA = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

# Mozilla's "Autoconfig: config file format": the elements of a server in their order, and what they may hold.
OF_A_SERVER = ["hostname", "port", "socketType", "authentication", "username"]
SOCKET_TYPES = {"plain", "SSL", "STARTTLS"}

# Apple's "Configuration Profile Reference": the keys of a mail account that are here, with their types.
OF_A_PAYLOAD = {"PayloadType": str, "PayloadVersion": int, "PayloadIdentifier": str, "PayloadUUID": str,
                "PayloadDisplayName": str}  # fmt: skip
OF_A_PROFILE = {**OF_A_PAYLOAD, "PayloadDescription": str, "PayloadContent": list}
OF_AN_ACCOUNT = {
    **OF_A_PAYLOAD, "EmailAccountDescription": str, "EmailAccountName": str, "EmailAccountType": str,
    "EmailAddress": str, "IncomingMailServerAuthentication": str, "IncomingMailServerHostName": str,
    "IncomingMailServerPortNumber": int, "IncomingMailServerUseSSL": bool, "IncomingMailServerUsername": str,
    "OutgoingMailServerAuthentication": str, "OutgoingMailServerHostName": str, "OutgoingMailServerPortNumber": int,
    "OutgoingMailServerUseSSL": bool, "OutgoingMailServerUsername": str, "OutgoingPasswordSameAsIncomingPassword": bool,
}  # fmt: skip


@pytest.fixture
def anybody(acme: Tenant) -> Iterator[httpx.Client]:
    """A mail program: no token, no cookie."""
    with httpx.Client(base_url=acme.api.url, timeout=30) as client:
        yield client


def texts(element: Element) -> list[tuple[str, str]]:
    return [(child.tag.rpartition("}")[2], child.text or "") for child in element]


@pytest.mark.parametrize("path", THUNDERBIRD)
def test_what_thunderbird_reads(acme: Tenant, anybody: httpx.Client, path: str) -> None:
    answer = anybody.get(path, params={"emailaddress": acme.mailbox})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml")
    root = fromstring(answer.content)
    assert (root.tag, root.attrib, [child.tag for child in root]) == (
        "clientConfig", {"version": "1.1"}, ["emailProvider", "webMail"]
    )  # fmt: skip
    provider = root[0]
    assert (provider.attrib["id"], provider.findtext("domain")) == (acme.domain, acme.domain)
    servers = [*provider.findall("incomingServer"), *provider.findall("outgoingServer")]
    assert [(one.attrib["type"], *dict(texts(one)).values()) for one in servers] == [
        ("imap", "mail.host.example", "993", "SSL", "password-cleartext", acme.mailbox),
        ("smtp", "smtp.host.example", "465", "SSL", "password-cleartext", acme.mailbox),
        ("smtp", "mail.host.example", "587", "STARTTLS", "password-cleartext", acme.mailbox),
    ]
    for server in servers:
        assert [name for name, _ in texts(server)] == OF_A_SERVER
        assert server.findtext("socketType") in SOCKET_TYPES
    assert root.find("webMail/loginPage") is not None


def test_without_an_address_the_host_says_which_domain(acme: Tenant, anybody: httpx.Client) -> None:
    for host in (acme.domain, f"autoconfig.{acme.domain}", f"{acme.domain.upper()}:443"):
        answer = anybody.get(PATH, headers={"Host": host})
        assert f"<domain>{acme.domain}</domain>" in answer.text
        assert "<username>%EMAILADDRESS%</username>" in answer.text
    assert code_of(anybody.get(PATH, headers={"Host": "nobody.example"})) == NO_SETUP


def test_no_answer_says_whether_somebody_exists(acme: Tenant, rival: Tenant, anybody: httpx.Client) -> None:
    """The mailbox, an alias, nobody, another tenant's: the same answer but for the address that was asked for."""
    acme.added("sales")
    for address in (acme.mailbox, f"sales@{acme.other}", f"nobody@{acme.domain}", f"a+b@{rival.domain}"):
        plain = anybody.get(PATH, params={"emailaddress": address})
        domain = address.partition("@")[2]
        assert plain.text.replace(address, "A").replace(domain, "D") == (
            anybody.get(PATH, params={"emailaddress": acme.mailbox}).text.replace(acme.mailbox, "A")
            .replace(acme.domain, "D")
        )  # fmt: skip
        asked = REQUEST.format(address=address, schema=SCHEMA)
        known = REQUEST.format(address=acme.mailbox, schema=SCHEMA)
        assert anybody.post(OUTLOOK[0], content=asked).text.replace(address, "A") == (
            anybody.post(OUTLOOK[0], content=known).text.replace(acme.mailbox, "A")
        )


@pytest.mark.parametrize(
    "address",
    ["x@nobody.example", "no address", "@", "a@b\r\nc", "<a>@x", "x" * 10_000 + "@brand.example", "\u202ea@\ufffe", ""],
)
def test_what_is_not_hosted_has_no_setup(anybody: httpx.Client, address: str) -> None:
    assert code_of(anybody.get(PATH, params={"emailaddress": address})) == NO_SETUP
    assert "ErrorCode" in anybody.post(OUTLOOK[0], content=REQUEST.format(address="", schema=SCHEMA)).text


def test_xml_stays_xml_whatever_the_address(acme: Tenant, anybody: httpx.Client) -> None:
    for local in ('"a<b>&c"', "a&b", "ü", "'", "%EMAILADDRESS%"):
        address = f"{local}@{acme.domain}"
        root = fromstring(anybody.get(PATH, params={"emailaddress": address}).content)
        assert root.findtext("emailProvider/incomingServer/username") == address


def test_domains_that_are_pending_or_off_have_no_setup(acme: Tenant, anybody: httpx.Client) -> None:
    with acme.api.database.write() as tx:
        pending = domains.add(tx, f"pending-{acme.domain}", account=acme.name)
        domain_settings.update(tx, acme.other, is_active=False)
    for domain in (pending.name, acme.other):
        assert code_of(anybody.get(PATH, params={"emailaddress": f"a@{domain}"})) == NO_SETUP


def fault(answer: httpx.Response) -> str | None:
    assert answer.status_code == 200, answer.text
    return fromstring(answer.content).findtext(f"{FAULTS}Response/{FAULTS}Error/{FAULTS}ErrorCode")


@pytest.mark.parametrize("path", OUTLOOK)
def test_what_outlook_reads(acme: Tenant, anybody: httpx.Client, path: str) -> None:
    answer = anybody.post(path, content=REQUEST.format(address=acme.mailbox, schema=SCHEMA))
    account = fromstring(answer.content).find(f"{RESPONSE}Response/{RESPONSE}Account")
    assert account is not None
    assert texts(account)[:2] == [("AccountType", "email"), ("Action", "settings")]
    found = [dict(texts(one)) for one in account.findall(f"{RESPONSE}Protocol")]
    assert [(one["Type"], one["Server"], one["Port"], one["SSL"], one["Encryption"]) for one in found] == [
        ("IMAP", "mail.host.example", "993", "on", "SSL"),
        ("SMTP", "smtp.host.example", "465", "on", "SSL"),
        ("SMTP", "mail.host.example", "587", "on", "TLS"),
    ]
    assert {one["LoginName"] for one in found} == {acme.mailbox}
    assert {one["SPA"] for one in found} == {"off"}


def test_what_outlook_asks_wrongly(acme: Tenant, anybody: httpx.Client) -> None:
    asked = REQUEST.format(address=acme.mailbox, schema=SCHEMA)
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    for body in (
        "",
        "{}",
        "<Autodiscover/>",
        asked[:-9],
        bomb + asked.partition("?>")[2],
        "\0" + asked,
        asked + "x" * 20_000,
    ):
        assert fault(anybody.post(OUTLOOK[0], content=body)) == "600", body[:60]
    sync = REQUEST.format(address=acme.mailbox, schema=SCHEMA.replace("outlook", "mobilesync"))
    assert fault(anybody.post(OUTLOOK[0], content=sync)) == "601"
    assert fault(anybody.post(OUTLOOK[0], content=REQUEST.format(address="a@nobody.example", schema=SCHEMA))) == "500"


def profile(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-apple-aspen-config"
    assert answer.headers["Content-Disposition"].endswith('.mobileconfig"')
    return dict(plistlib.loads(answer.content))


def types(payload: dict[str, Any]) -> dict[str, type]:
    return {key: type(value) for key, value in payload.items()}


def test_the_profile_of_a_mailbox(acme: Tenant) -> None:
    acme.added("sales", can_send=True)
    acme.added("quiet")
    path = f"/mailboxes/{acme.mailbox_id}/mobileconfig"
    found = profile(acme.client.get(path))
    assert types(found) == OF_A_PROFILE
    (account,) = found["PayloadContent"]
    assert types(account) == OF_AN_ACCOUNT
    assert (account["EmailAddress"], account["IncomingMailServerUsername"]) == (acme.mailbox, acme.mailbox)
    assert (account["OutgoingMailServerHostName"], account["OutgoingMailServerPortNumber"]) == (
        "smtp.host.example",
        465,
    )
    assert f"sales@{acme.other}" in str(found["PayloadDescription"])
    assert "quiet@" not in str(found)
    assert found == profile(acme.client.get(path)), "a second one replaces the first on the device: the same UUIDs"


def test_a_profile_that_sends_as_an_alias(acme: Tenant) -> None:
    acme.added("sales", can_send=True)
    acme.added("quiet")
    path = f"/mailboxes/{acme.mailbox_id}/mobileconfig"
    found = profile(acme.client.get(path, params={"address": f"sales@{acme.other}"}))
    (account,) = found["PayloadContent"]
    assert (account["EmailAddress"], account["OutgoingMailServerUsername"]) == (f"sales@{acme.other}", acme.mailbox)
    assert found["PayloadUUID"] != profile(acme.client.get(path))["PayloadUUID"]
    for address in (f"quiet@{acme.other}", "ceo@bank.example", "x"):
        assert code_of(acme.client.get(path, params={"address": address})) == (422, "invalid-request")


def test_another_accounts_mailbox_is_not_there(acme: Tenant, rival: Tenant) -> None:
    assert code_of(acme.client.get(f"/mailboxes/{rival.mailbox_id}/mobileconfig")) == NO_SETUP


def test_without_the_setting_there_is_nothing(acme: Tenant) -> None:
    running = RunningApi(site_over(acme.api.database, clients=Clients(imap=CLIENTS.imap)))
    try:
        answer = httpx.get(running.url + PATH, params={"emailaddress": acme.mailbox})
        assert code_of(answer) == NO_SETUP
    finally:
        running.close()


def test_a_signed_profile_can_be_verified(acme: Tenant, tmp_path: Path) -> None:
    certificate, key = tmp_path / "profiles.pem", tmp_path / "profiles.key"
    subject = ("-subj", "/CN=mail.host.example")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, "-keyout", key, "-out", certificate)
    signer = signing.load(certificate, key)
    running = RunningApi(site_over(acme.api.database, clients=replace(CLIENTS, signer=signer)))
    try:
        headers = {"Authorization": acme.client.headers["Authorization"]}
        path = f"{running.url}/api/v1/mailboxes/{acme.mailbox_id}/mobileconfig"
        (tmp_path / "signed").write_bytes(httpx.get(path, headers=headers).content)
    finally:
        running.close()
    openssl("cms", "-verify", "-inform", "DER", "-in", tmp_path / "signed", "-noverify", "-out", tmp_path / "plain")
    assert plistlib.loads((tmp_path / "plain").read_bytes())["PayloadType"] == "Configuration"
    openssl("genrsa", "-out", tmp_path / "other.key", "2048")
    with pytest.raises(ValueError, match="is not that of the first certificate"):
        signing.load(certificate, tmp_path / "other.key")
    with pytest.raises(ValueError, match="no certificate in PEM"):
        signing.load(key, key)


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
