"""``.mobileconfig``: the profile by which an iPhone, iPad or Mac sets up a mail account.

Source: Apple's "Configuration Profile Reference" (TopLevel; Mail, ``com.apple.mail.managed``). Without a password: the
device asks for it.
"""

import plistlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from admin_api.setup.servers import Servers

MEDIA_TYPE = "application/x-apple-aspen-config"

_NAMESPACE = UUID("0f1b7a1e-5d0a-4a5e-9a0e-3a2f6b1c7d42")  # of Byname's profiles, chosen once
_PASSWORD = "EmailAuthPassword"  # noqa: S105 - the name of a kind of authentication


@dataclass(frozen=True, slots=True)
class Account:
    """What a profile sets up."""

    login: str  # the address of the mailbox
    address: str  # that mail is sent from: the mailbox or one of its aliases
    display_name: str
    aliases: Sequence[str] = ()  # others that it may send as


def profile(account: Account, servers: Servers) -> bytes:
    """Return the profile, unsigned. A profile for the same address replaces the one before it on a device."""
    name = f"Mail of {account.address}"
    content = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": _identifier(account),
        "PayloadUUID": _uuid(account, "profile"),
        "PayloadDisplayName": name,
        "PayloadDescription": _description(account),
        "PayloadContent": [_mail(account, servers, name)],
    }
    return plistlib.dumps(content, sort_keys=False)


def _mail(account: Account, servers: Servers, name: str) -> dict[str, str | int | bool]:
    sending = servers.sending[0]
    return {
        "PayloadType": "com.apple.mail.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{_identifier(account)}.mail",
        "PayloadUUID": _uuid(account, "mail"),
        "PayloadDisplayName": name,
        "EmailAccountDescription": account.address,
        "EmailAccountName": account.display_name or account.address,
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAddress": account.address,
        "IncomingMailServerAuthentication": _PASSWORD,
        "IncomingMailServerHostName": servers.imap.host,
        "IncomingMailServerPortNumber": servers.imap.port,
        "IncomingMailServerUseSSL": True,
        "IncomingMailServerUsername": account.login,
        "OutgoingMailServerAuthentication": _PASSWORD,
        "OutgoingMailServerHostName": sending.host,
        "OutgoingMailServerPortNumber": sending.port,
        "OutgoingMailServerUseSSL": True,
        "OutgoingMailServerUsername": account.login,
        "OutgoingPasswordSameAsIncomingPassword": True,
    }


def _description(account: Account) -> str:
    if not account.aliases:
        return f"Reads and sends the mail of {account.login}."
    others = ", ".join(account.aliases)
    return (
        f"Reads and sends the mail of {account.login}. To write from another of its addresses, add it in the settings"
        f" of this account under Email, Add Another Email: {others}"
    )


def _identifier(account: Account) -> str:
    """Return the name by which a device knows the profile again: the address with its parts turned round."""
    local, _, domain = account.address.rpartition("@")
    return ".".join(["byname", *reversed(domain.split(".")), local])


def _uuid(account: Account, what: str) -> str:
    return str(uuid5(_NAMESPACE, f"{what}:{account.address}")).upper()
