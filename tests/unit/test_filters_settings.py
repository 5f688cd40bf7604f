"""The settings of filters: what is taken, and the rule that the rest breaks."""

import pytest

from byname.wiring.filters import filter_policy
from conf.listen import InetSocket, Socket, UnixSocket
from conf.settings import ConfigError, load

LOGIN = {"BYNAME_FILTERS__MASTER_USER": "byname", "BYNAME_FILTERS__MASTER_PASSWORD": "hush"}
ELSEWHERE = "filters.tls must be starttls or implicit: filters.managesieve is not on this machine"


def environ(**given: str) -> dict[str, str]:
    return {f"BYNAME_FILTERS__{key.upper()}": value for key, value in given.items()}


@pytest.mark.parametrize(
    ("place", "tls", "means"),
    [
        ("mail.example.com:4190", "starttls", InetSocket("mail.example.com", 4190)),
        ("[2001:db8::1]:4190", "implicit", InetSocket("2001:db8::1", 4190)),
        ("127.0.0.1:4190", "none", InetSocket("127.0.0.1", 4190)),
        ("[::1]:4190", "none", InetSocket("::1", 4190)),
        ("localhost:4190", "none", InetSocket("localhost", 4190)),
        ("unix:/run/dovecot/sieve", "none", UnixSocket("/run/dovecot/sieve")),
    ],
)
def test_what_is_taken(place: str, tls: str, means: Socket) -> None:
    assert load(environ=LOGIN | environ(managesieve=place, tls=tls)).filters.place == means


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"managesieve": "mail.example.com"}, "BYNAME_FILTERS__MANAGESIEVE: must be host:port or unix:/path"),
        ({"managesieve": "unix:run/sieve"}, "BYNAME_FILTERS__MANAGESIEVE: must be host:port or unix:/path"),
        ({"managesieve": "mail.example.com:4190", "tls": "none"}, ELSEWHERE),
        ({"managesieve": "localhost.example.com:4190", "tls": "none"}, ELSEWHERE),
        ({"managesieve": "10.0.0.1:4190", "tls": "none"}, ELSEWHERE),
        ({"managesieve": "unix:/run/sieve"}, "filters.tls must be none: filters.managesieve is a unix socket"),
        ({"managesieve": "a.test:1", "master_user": ""}, "filters.master_user and filters.master_password must be set"),
        ({"managesieve": "a.test:1", "master_password": ""}, "filters.master_user and filters.master_password must be"),
        ({"script": "a/b"}, "BYNAME_FILTERS__SCRIPT: must be 1 to 100 printable characters without a slash"),
        ({"script": " a"}, "BYNAME_FILTERS__SCRIPT: must be 1 to 100 printable characters without a slash"),
        ({"ca": "ca.pem"}, "BYNAME_FILTERS__CA: must be the absolute path of a file"),
        ({"answer_timeout": "0"}, "BYNAME_FILTERS__ANSWER_TIMEOUT: must be greater than or equal to 1"),
    ],
)
def test_what_is_refused(given: dict[str, str], rule: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(environ=LOGIN | environ(**given))
    assert rule in str(refused.value)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("target", ["a..b.test", "-x.test", "bob@-x.test", f"{'x' * 64}.test"])
def test_a_target_that_no_mail_can_have(target: str) -> None:
    with pytest.raises(ConfigError, match=r"filters\.forward"):
        filter_policy(load(environ=environ(forward=target)))
