"""The sample of the internal listener says what the sandbox's does, which the tests of the mail path try."""

import re
from pathlib import Path

from byname.sandbox.postfix_config import internal_options

ROOT = Path(__file__).parents[2]
_OPTION = re.compile(r"^\s*-o (?:\{ (\w+) = (.*?) \}|(\w+)=(.*))$", re.MULTILINE)
_BESIDES = {"syslog_name", "local_header_rewrite_clients", "smtpd_sasl_auth_enable"}  # the sandbox has these in main.cf


def options(text: str) -> dict[str, str]:
    return {name or plain: value or plain_value for name, value, plain, plain_value in _OPTION.findall(text)}


def test_the_sample_is_what_is_tried() -> None:
    sample = options((ROOT / "conf" / "postfix" / "internal" / "master.cf").read_text())
    tried = {name: value for name, value in internal_options("unix:byname/internal.sock").items() if value}
    assert {name: value for name, value in sample.items() if name not in _BESIDES} == tried


def test_the_page_shows_the_sample() -> None:
    sample = (ROOT / "conf" / "postfix" / "internal" / "master.cf").read_text()
    page = (ROOT / "docs" / "messages.md").read_text()
    assert options(page) == options(sample)
