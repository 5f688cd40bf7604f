"""Copies of sent mail: their settings, their waits, and the sample of a login for Dovecot."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from admin_api.sending.imap import SentFolder
from admin_api.sending.sent_copies import wait_after
from byname.sandbox.dovecot_config import master_conf
from byname.wiring.api import sent_folder
from conf.clients import Server
from conf.sections import SentCopySettings
from conf.settings import ConfigError

ROOT = Path(__file__).parents[2]


def given(**more: object) -> SentCopySettings:
    return SentCopySettings.model_validate({"imap": "mail.x.test:993", "master": "m", "password": "secret", **more})


def test_they_become_a_place() -> None:
    tls, plain = Server("mail.x.test", 993, "SSL/TLS"), Server("mail.x.test", 143, "STARTTLS")
    assert sent_folder(given()) == SentFolder(tls, None, "m", "secret", "Sent")
    assert sent_folder(given(imap="mail.x.test:143")) == SentFolder(plain, None, "m", "secret", "Sent")
    assert sent_folder(SentCopySettings()) is None
    assert "secret" not in repr(given()) + repr(sent_folder(given()))


@pytest.mark.parametrize("missing", ["master", "password"])
def test_somebody_must_log_in(missing: str) -> None:
    with pytest.raises(ValueError, match=r"sent_copy\.imap must have somebody who logs in"):
        given(**{missing: None})


def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sent_copy\.authority.*cannot be read"):
        sent_folder(given(authority=str(tmp_path / "none.pem")))


def test_it_waits_longer_each_time_an_hour_at_most() -> None:
    found = [wait_after(attempt).total_seconds() for attempt in (1, 2, 3, 9, 10, 5000)]
    assert found == [10, 20, 40, 2560, 3600, 3600]
    assert sum((wait_after(attempt) for attempt in range(1, 40)), timedelta()) > timedelta(hours=24)


def _login(text: str) -> list[str]:
    """Return the lines of the first passdb."""
    found = re.search(r"passdb \{\n(.*?)\n *\}", text, re.DOTALL)
    assert found
    lines = (line.strip() for line in found[1].splitlines())
    return [line for line in lines if not line.startswith(("#", "args"))]


def test_the_sample_and_the_page_are_what_is_tried() -> None:
    tried = _login(master_conf(Path("m"), 1))
    sample = ROOT / "conf" / "dovecot" / "sent-copy" / "sent-copy.conf"
    assert _login(sample.read_text()) == tried == _login((ROOT / "docs" / "messages.md").read_text())
