"""The demo: every sample goes as specified, ``byname explain`` says the same as SMTP did, and it stops cleanly."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from byname.demo.guide import trials
from byname.demo.judge import Outcome, play
from byname.demo.run import run as run_demo
from byname.demo.samples import CUSTOMER, REFUSED_OUTSIDE, SAMPLES, STRANGER, Copy, Expected, Mail, Sample
from byname.demo.table import Row, as_json, show
from byname.demo.world import ADMIN, JOHN, MARY, SALES, fill
from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from tests.api.dashboard.visitor import Visitor
from tests.store.cli.command_line import run_here

DEMO = [sys.executable, "-m", "byname", "demo"]
RIGHT = (Copy(JOHN, (SALES,)),)
EXIT_OF_CLASS = {2: 0, 4: 75, 5: 1}  # SMTP reply class -> exit code of ``byname explain``


@pytest.fixture(scope="module", params=[("agent", True), ("milter", False)], ids=["agent-cache", "milter-sqlite"])
def site(needs_root: None, request: pytest.FixtureRequest) -> Iterator[PrivateSite]:
    """The demo's own site, in place of the shared one."""
    delivery, cache = request.param
    with PrivateSite(fill, delivery=delivery, cache=cache) as started:
        started.outside.refuse.update(REFUSED_OUTSIDE)
        yield started


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.title)
def test_each_sample_goes_as_specified_and_explain_says_the_same(sample: Sample, site: PrivateSite) -> None:
    for outcome in play(sample, site):
        assert outcome.problems == ()
        for question in questions(outcome, site):
            done = run_here(site.config, "explain", *question, "--json")
            assert done.code == EXIT_OF_CLASS[outcome.reply.code // 100]
            assert says_the_same(done.data, outcome, question), done.out


@pytest.mark.parametrize("question", [(SALES,), (f"nobody-{SALES}",), ("--login", JOHN, "--from", MARY)])
def test_explain_says_as_a_process_what_it_says_in_ours(question: tuple[str, ...], site: PrivateSite) -> None:
    done, here = site.run("explain", *question, "--json"), run_here(site.config, "explain", *question, "--json")
    assert (done.returncode, done.stdout, done.stderr) == (here.code, here.out, here.err)


def questions(outcome: Outcome, site: PrivateSite) -> list[list[str]]:
    """Return how to ask about what decided the mail: the recipients, the envelope sender, or the message's header."""
    mail = outcome.mail
    if mail.login is None:
        return [[recipient] for recipient in mail.recipients]
    if mail.author is None:
        return [["--login", mail.login, "--from", mail.sender]]
    message = site.folder / "explained.eml"
    message.write_bytes(outcome.message)
    return [["--login", mail.login, "--message", str(message)]]


def says_the_same(explained: dict[str, Any], outcome: Outcome, question: list[str]) -> bool:
    if outcome.reply.code == 535:  # Dovecot's refusal; Byname would have refused at MAIL, with a reply of its own
        return bool(explained["reply"]["code"] == 550)
    if outcome.reply.code >= 400:
        return (explained["verdict"], explained["reply"]) == ("reject", as_object(outcome))
    if outcome.mail.login is not None:
        return bool(explained["verdict"] == "allow")
    mailbox = re.sub(r"\+[^@]*", "", explained["mailbox"])  # the detail is no part of the Maildir's name
    (arrival,) = [arrival for arrival in outcome.arrived if arrival.place == mailbox]
    assert explained["verdict"] == "deliver"
    assert explained["delivered_to"] == question[0].lower()
    return explained["delivered_to"] in arrival.delivered_to


def as_object(outcome: Outcome) -> dict[str, Any]:
    return {"code": outcome.reply.code, "enhanced": outcome.reply.enhanced, "text": outcome.reply.text}


def test_explain_leaves_an_outside_recipient_to_the_mail_server(site: PrivateSite) -> None:
    assert site.run("explain", CUSTOMER).returncode == 3


def test_mail_to_a_mailbox_itself_gets_no_delivered_to(site: PrivateSite) -> None:
    sample = Sample("mailbox", (Mail(Expected(250, "2.0.0", copies=(Copy(JOHN),)), recipient=JOHN),))
    assert [outcome.problems for outcome in play(sample, site)] == [()]


def test_the_toggled_alias_is_written_to_twice_over_one_connection(site: PrivateSite) -> None:
    seen = len(site.postfix.log())
    toggled = SAMPLES[-1]
    site.admin("alias", "set", toggled.mails[0].recipient, "--enable")
    assert [outcome.problems for outcome in play(toggled, site)] == [(), ()]
    both_in_one = re.compile("inbound/smtpd.*disconnect .* mail=2 rcpt=1/2 ")
    wait_until(lambda: both_in_one.search(site.postfix.log(), seen), 10, "the end of the connection in the mail log")


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        (Expected(550, "2.0.0", copies=RIGHT), "reply 250 2.0.0, expected 550 2.0.0"),
        (Expected(250, "5.1.1", copies=RIGHT), "reply 250 2.0.0, expected 250 5.1.1"),
        (Expected(250, "2.0.0", "unknown", RIGHT), "the reply does not say 'unknown'"),
        (Expected(250, "2.0.0", copies=(Copy(MARY),)), f"found in ['{JOHN}'], expected in ['{MARY}']"),
        (Expected(250, "2.0.0", copies=RIGHT * 2), f"found in ['{JOHN}'], expected in ['{JOHN}', '{JOHN}']"),
        (Expected(250, "2.0.0"), f"found in ['{JOHN}'], expected in no mailbox"),
        (Expected(250, "2.0.0", copies=(Copy(JOHN),)), f"Delivered-To is ('{SALES}',), expected ()"),
        (
            Expected(250, "2.0.0", copies=(Copy(JOHN, (SALES,), is_bounce=True),)),
            f"envelope sender is {STRANGER}, expected ",
        ),
    ],
)
def test_the_judge_tells_what_is_not_as_expected(site: PrivateSite, expected: Expected, problem: str) -> None:
    (outcome,) = play(Sample("wrong", (Mail(expected, recipient=SALES),)), site)
    assert outcome.problems == (problem,)


def test_results_as_json_say_what_was_sent_and_found(site: PrivateSite) -> None:
    sample = SAMPLES[1]
    (row,) = json.loads(json.dumps(as_json([Row(2, sample, tuple(play(sample, site)))])))
    (mail,) = row["mails"]
    assert (row["number"], row["sample"], row["ok"]) == (2, sample.title, True)
    assert (mail["sent"]["recipients"], mail["reply"]["code"], mail["problems"]) == ([SALES], 250, [])
    assert mail["arrived"] == [{"in": JOHN, "delivered_to": [SALES]}]


def test_a_narrow_terminal_gets_whole_addresses(site: PrivateSite, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Row(2, SAMPLES[1], tuple(play(SAMPLES[1], site)))
    reader, terminal = os.openpty()
    monkeypatch.setenv("COLUMNS", "80")
    with Path(os.ttyname(terminal)).open("w", encoding="utf-8") as stdout, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stdout)
        show([row])
    os.close(terminal)
    lines = read_all(reader).decode().splitlines()
    assert lines[:2] == [f" 2 \N{CHECK MARK} {row.sample.title}", f"     sent          to {SALES}"]
    assert lines[3:5] == [f"     arrived in    {JOHN}", f"     Delivered-To  {SALES}"]


def read_all(terminal: int) -> bytes:
    found = b""
    with suppress(OSError):  # how a terminal that nobody writes to any more ends
        while more := os.read(terminal, 4096):
            found += more
    os.close(terminal)
    return found


def test_without_root_it_says_what_to_run(needs_root: None, capsys: pytest.CaptureFixture[str]) -> None:
    os.seteuid(65534)
    try:
        code = run_demo(once=True, as_json=False)
    finally:
        os.seteuid(0)
    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert (
        err == f"byname: the demo cannot start: Postfix starts as root only; run: {shlex.join(['sudo', *sys.argv])}\n"
    )


def test_every_command_the_guide_offers_works(needs_swaks: None, site: PrivateSite) -> None:
    for trial in trials(site):
        done = subprocess.run(
            ["sh", "-c", shlex.join(trial.command)], capture_output=True, text=True, timeout=60, check=False
        )
        assert trial.prints in done.stdout, done


def test_once_prints_a_table_with_every_row_ticked(needs_root: None) -> None:
    done = subprocess.run([*DEMO, "--once"], capture_output=True, text=True, timeout=110, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    for sample in SAMPLES:
        assert any(sample.title in line for line in lines)
    assert done.stdout.count("\N{CHECK MARK}") == sum(len(sample.mails) for sample in SAMPLES)
    assert lines[-1] == f"{len(SAMPLES)} of {len(SAMPLES)} samples went as the specification says."


def test_it_stays_up_until_a_signal_and_leaves_nothing_behind(needs_root: None) -> None:
    """The other way to deliver, and without a cache: how it goes with one is seen above."""
    command = [*DEMO, "--delivery", "milter", "--no-cache"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        folder, found = None, {}
        for line in demo.stdout:
            if "dashboard, for a browser" in line or line.startswith(f"  {ADMIN}"):
                name, _, value = re.sub(r"  \(.*", "", line).strip().rpartition(" ")
                found[name.strip()] = value
            if "folder, with logs" in line:
                folder = Path(line.split()[-1])
            if "Ctrl-C" in line:
                break
        assert folder is not None
        assert folder.exists()
        visitor = Visitor(found["dashboard, for a browser"])
        assert visitor.sign_in(ADMIN, found[ADMIN]).headers["Location"] == "/mailboxes"
        assert JOHN in visitor.get("/mailboxes").text
        demo.send_signal(signal.SIGTERM)
        _, errors = demo.communicate(timeout=60)
    assert (demo.returncode, errors) == (0, "Stopping.\n")
    assert not folder.exists()
    assert processes_mentioning(str(folder)) == []


def processes_mentioning(text: str) -> list[str]:
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = cmdline.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # gone meanwhile
            continue
        if text in command:
            found.append(command)
    return found
