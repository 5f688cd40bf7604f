"""The sender guard as swaks, curl and smtplib tell it to a person."""

import smtplib
import subprocess
from pathlib import Path

import pytest

from byname.sandbox.requirements import missing_packages
from byname.sandbox.site import PrivateSite
from tests.mail.conftest import leave_out
from tests.mail.dialogue import logged_in
from tests.mail.world import JOHN, PASSWORD

NOT_OWNED = "Sender address rejected: not owned by user john@brand-a.test"
CASES = [  # envelope, header From, what the client shows
    (JOHN, f"John <{JOHN}>", "250 2.0.0 Ok: queued as"),
    ("sales@brand-b.test", "sales@brand-b.test", "250 2.0.0 Ok: queued as"),
    ("mary@brand-a.test", JOHN, f"553 5.7.1 <mary@brand-a.test>: {NOT_OWNED}"),
    (JOHN, "ceo@bank.test", f"550 5.7.1 <ceo@bank.test>: {NOT_OWNED}"),
    (JOHN, f'"ceo@bank.test" <{JOHN}>', "550 5.7.1 Sender address rejected: the name shows an address"),
    ("info@brand-a.test", JOHN, "553 5.7.1 <info@brand-a.test>: Sender address rejected: sending is off for"),
]  # fmt: skip


@pytest.mark.parametrize(("sender", "author", "expected"), CASES)
def test_swaks(site: PrivateSite, needs_swaks: None, sender: str, author: str, expected: str) -> None:
    command = ["swaks", "--server", f"127.0.0.1:{site.postfix.submission_port}", "--tls", "--auth", "PLAIN"]
    command += ["--auth-user", JOHN, "--auth-password", PASSWORD, "--helo", "client.test"]
    command += ["--from", sender, "--to", "friend@outside.example", "--header", f"From: {author}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert expected in done.stdout
    assert (done.returncode == 0) is expected.startswith("250")


@pytest.mark.parametrize(("sender", "author", "expected"), CASES)
def test_curl(site: PrivateSite, folder: Path, sender: str, author: str, expected: str) -> None:
    if missing := missing_packages({"usr/bin/curl": "curl"}):
        leave_out(f"not installed: {' '.join(missing)}")
    (folder / "mail.eml").write_text(f"From: {author}\r\nSubject: x\r\n\r\nx\r\n")
    command = ["curl", "--verbose", "--url", f"smtp://localhost:{site.postfix.submission_port}/client.test"]
    command += ["--ssl-reqd", "--cacert", str(site.certificate.certificate), "--user", f"{JOHN}:{PASSWORD}"]
    command += [
        "--mail-from",
        sender,
        "--mail-rcpt",
        "friend@outside.example",
        "--upload-file",
        str(folder / "mail.eml"),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert expected in done.stderr
    assert (done.returncode == 0) is expected.startswith("250")


@pytest.mark.parametrize(("sender", "author", "expected"), CASES)
def test_smtplib(site: PrivateSite, sender: str, author: str, expected: str) -> None:
    code, _, text = expected.partition(" ")
    with logged_in(site, JOHN) as client:
        if code == "250":
            assert client.sendmail(sender, ["friend@outside.example"], f"From: {author}\r\n\r\nx") == {}
            return
        with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPDataError)) as refused:
            client.sendmail(sender, ["friend@outside.example"], f"From: {author}\r\n\r\nx")
        assert refused.value.smtp_code == int(code)
        assert text in str(refused.value.smtp_error)
