"""Postfixes as values, made of what differs from a plain one."""

from collections.abc import Mapping
from pathlib import Path

from byname.postfix.machine import Postfix, Service
from conf.settings import Settings

QUEUE = "/var/spool/postfix"

# What a Postfix 3.7 of Debian 12 says without a line in main.cf, as far as Byname looks.
DEFAULTS = {
    "mail_version": "3.7.11",
    "queue_directory": QUEUE,
    "mail_owner": "postfix",
    "internal_mail_filter_classes": "",
    "local_header_rewrite_clients": "permit_inet_interfaces",
    "lmtp_destination_recipient_limit": "50",
    "milter_command_timeout": "30s",
    "milter_content_timeout": "300s",
    "milter_default_action": "tempfail",
    "milter_protocol": "6",
    "multi_instance_directories": "",
    "mydestination": "mail.example.com, localhost",
    "mynetworks": "127.0.0.0/8 [::1]/128",
    "mynetworks_style": "host",
    "non_smtpd_milters": "",
    "recipient_delimiter": "",
    "relay_domains": "",
    "smtpd_forbid_bare_newline": "no",
    "smtpd_forbid_unauth_pipelining": "no",
    "smtpd_milters": "",
    "smtpd_recipient_restrictions": "",
    "smtpd_reject_unlisted_recipient": "yes",
    "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
    "smtpd_sasl_auth_enable": "no",
    "smtpd_sender_login_maps": "",
    "smtputf8_enable": "yes",
    "virtual_alias_maps": "",
    "virtual_mailbox_domains": "",
    "virtual_mailbox_maps": "",
    "virtual_transport": "virtual",
}

SOCKETS = {
    "milter.inbound": f"unix:{QUEUE}/byname/inbound.sock",
    "milter.submission": f"unix:{QUEUE}/byname/submission.sock",
    "milter.local": f"unix:{QUEUE}/byname/local.sock",
    "maps.listen": f"unix:{QUEUE}/byname/maps.sock",
}


def settings(**changed: str) -> Settings:
    """Settings with sockets below Postfix's queue; ``milter__local="..."`` for another value, "" for none."""
    values = SOCKETS | {name.replace("__", "."): value for name, value in changed.items()}
    tree: dict[str, dict[str, str]] = {}
    for name, value in values.items():
        section, _, key = name.partition(".")
        if value:
            tree.setdefault(section, {})[key] = value
    return Settings.model_validate(tree)


def service(
    name: str = "smtp", kind: str = "inet", *, chrooted: bool = True, command: str = "smtpd", **options: str
) -> Service:
    return Service(name, kind, chrooted, command, options, options)


LISTENERS = (service(), service("submission", syslog_name="postfix/submission"))
BEHIND = tuple(
    service(name, "unix", command=command)
    for name, command in (("cleanup", "cleanup"), ("rewrite", "trivial-rewrite"), ("lmtp", "lmtp"))
)


def postfix(
    main: Mapping[str, str] | None = None, listeners: tuple[Service, ...] = LISTENERS, *, chrooted: bool = True
) -> Postfix:
    """A Postfix with these lines in main.cf."""
    services = (*listeners, *BEHIND)
    if not chrooted:
        services = tuple(Service(s.name, s.kind, False, s.command, s.options, s.written) for s in services)
    return Postfix(Path("/etc/postfix"), DEFAULTS | dict(main or {}), dict(main or {}), services)
