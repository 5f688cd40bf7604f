"""The settings for mail programs: what is taken, what it means, and the rule that the rest breaks."""

import pytest

from conf.clients import ClientsSettings, Server
from conf.settings import ConfigError, load

IMAP = {"BYNAME_CLIENTS__IMAP": "mail.brand-a.test:993"}


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("imap", "mail.brand-a.test:993", None),
        ("imap", "[2001:db8::1]:993", None),
        ("imap", "mail.brand-a.test", "must be host:port"),
        ("imap", ":993", "must be host:port"),
        ("imap", "imaps://mail.brand-a.test:993", "must be host:port"),
        ("imap", "mail.brand-a.test:0", "must have a port from 1 to 65535"),
        ("submission", "smtp.brand-a.test:587", None),
        ("submission", ":587", None),
        ("submission", "587", "must be host:port"),
        ("submission", ":70000", "must have a port from 1 to 65535"),
        ("submissions", ":465", None),
        ("submissions", "a b:465", "must be host:port"),
        ("webmail", "https://webmail.brand-a.test/", None),
        ("webmail", "javascript:alert(1)", "must start with https:// or http://"),
    ],
)
def test_what_is_taken(key: str, value: str, rule: str | None) -> None:
    environ = IMAP | {f"BYNAME_CLIENTS__{key.upper()}": value}
    if rule is None:
        assert load(environ=environ).value(f"clients.{key}") == value
        return
    with pytest.raises(ConfigError) as refused:
        load(environ=environ)
    assert rule in str(refused.value)


@pytest.mark.parametrize("key", ["submission", "submissions"])
def test_a_port_alone_needs_the_host_of_imap(key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(environ={f"BYNAME_CLIENTS__{key.upper()}": ":587"})
    assert f"clients.{key} must have a host: clients.imap, whose host :587 takes, is not set" in str(refused.value)


def test_what_they_mean() -> None:
    given = ClientsSettings(imap="mail.test:993", submission=":587", submissions="smtp.test:465")
    assert given.imap_server == Server("mail.test", 993, "SSL/TLS")
    assert given.submission_server == Server("mail.test", 587, "STARTTLS")
    assert given.submissions_server == Server("smtp.test", 465, "SSL/TLS")
    assert ClientsSettings(imap="mail.test:143").imap_server == Server("mail.test", 143, "STARTTLS")
    nothing = ClientsSettings()
    assert (nothing.imap_server, nothing.submission_server, nothing.submissions_server) == (None, None, None)


def test_a_certificate_and_its_key_come_together() -> None:
    with pytest.raises(ConfigError) as refused:
        load(environ={"BYNAME_CLIENTS__PROFILE_CERTIFICATE": "/etc/byname/profiles.pem"})
    assert "clients.profile_certificate and clients.profile_key must be set together" in str(refused.value)
    with pytest.raises(ConfigError) as refused:
        load(environ={"BYNAME_CLIENTS__PROFILE_KEY": "profiles.key"})
    assert "must be the absolute path of a file" in str(refused.value)
