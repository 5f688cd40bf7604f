"""What people copy into mail programs: folders that no mail store trips over, commands that are what they seem."""

import ast
import shlex

import pytest

from admin_api.dashboard.mail_programs import commands, sieve
from conf.clients import Server

JOHN, SALES = "john@brand-a.test", "sales@brand-b.test"
STARTTLS, TLS = Server("mail.test", 587, "STARTTLS"), Server("mail.test", 465, "SSL/TLS")


@pytest.mark.parametrize(
    ("addresses", "folders"),
    [
        ([SALES], ["Sales"]),
        (["john.doe@a.test"], ["John-doe"]),  # a dot parts folders
        (["sales@a.test", "sales@b.test"], ["Sales", "Sales-b-test"]),
        (["a.b@x.test", "a-b@x.test"], ["A-b", "A-b-x-test"]),
        (["a.b@x.test", "a-b@x.test", "a-b@x-test.test", "a.b@x-test.test"], ["A-b", "A-b-x-test", "A-b-x-test-test",
                                                                              "A-b-x-test-test-2"]),
        (["inbox@a.test", "sent@a.test", "tmp@a.test"], ["Inbox-a-test", "Sent-a-test", "Tmp-a-test"]),
        (["_@a.test", "-@a.test", "0@a.test"], ["_", "-", "0"]),
        (["info@xn--bcher-kva.test"], ["Info"]),
        ([f"{'x' * 64}@{'y' * 250}", f"{'x' * 64}@{'y' * 251}"], [f"X{'x' * 63}", f"X{'x' * 63}-{'y' * 100}"]),
    ],
)  # fmt: skip
def test_folders(addresses: list[str], folders: list[str]) -> None:
    assert list(sieve.folders(addresses).values()) == folders


def test_a_hundred_that_collide_have_a_folder_each() -> None:
    found = sieve.folders(f"inbox@{'x' * 120}{number}.test" for number in range(100))
    assert len({folder.lower() for folder in found.values()}) == 100


@pytest.mark.parametrize(
    ("delimiter", "patterns"),
    [("+", '["sales@brand-b.test", "sales+*@brand-b.test"]'), ("-", '["sales@brand-b.test", "sales-*@brand-b.test"]'),
     ("", '["sales@brand-b.test"]')],
)  # fmt: skip
def test_a_rule(delimiter: str, patterns: str) -> None:
    assert sieve.script([SALES], delimiter) == (
        'require ["fileinto", "mailbox"];\n\n'
        f'if header :matches "Delivered-To" {patterns} {{\n  fileinto :create "Sales";\n  stop;\n}}\n'
    )


@pytest.mark.parametrize(("server", "tls"), [(STARTTLS, "--tls"), (TLS, "--tls-on-connect")])
def test_the_command(server: Server, tls: str) -> None:
    evil = "a b'$(id)@x.test"
    words = shlex.split(commands.swaks(server, JOHN, evil, JOHN))
    assert words == ["swaks", "--server", "mail.test", "--port", str(server.port), tls, "--auth", "PLAIN",
                     "--auth-user", JOHN, "--from", evil, "--to", JOHN]  # fmt: skip


@pytest.mark.parametrize(("server", "call"), [(STARTTLS, "starttls"), (TLS, "SMTP_SSL")])
def test_the_program(server: Server, call: str) -> None:
    evil = "a'\"\\\n)@x.test"
    program = ast.parse(commands.snippet(server, JOHN, evil, JOHN))
    texts = {node.value for node in ast.walk(program) if isinstance(node, ast.Constant)}
    names = {node.attr for node in ast.walk(program) if isinstance(node, ast.Attribute)}
    assert {evil, JOHN, "mail.test", server.port} <= texts
    assert call in names
