"""``byname domain check, verify, move``, against scripted nameservers named in the settings."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dns.rcode
import pytest

from tests.store.cli.command_line import CommandLine
from tests.store.dns.dns_server import DnsServer

NAME = "pending.test"


@pytest.fixture
def servers() -> Iterator[list[DnsServer]]:
    with DnsServer() as one, DnsServer() as two:
        yield [one, two]


@pytest.fixture
def byname(sample: CommandLine, tmp_path: Path, servers: list[DnsServer]) -> CommandLine:
    copy = sample.copied_to(tmp_path)
    named = ", ".join(f'"{server.nameserver}"' for server in servers)
    copy.configure(
        f"dns.nameservers = [{named}]", 'dns.mx_hosts = ["mx1.host.test"]', 'dns.spf_include = "spf.host.test"'
    )
    return copy


def token(byname: CommandLine, name: str = NAME, account: str = "acme") -> str:
    query = (
        "SELECT token FROM domain_proofs p JOIN domains d ON d.id = p.domain_id JOIN accounts a ON a.id = d.account_id"
        " WHERE d.name = ? AND a.name = ?"
    )
    with sqlite3.connect(byname.database) as connection:
        return str(connection.execute(query, (name, account)).fetchone()[0])


def publish(servers: list[DnsServer], name: str, token: str) -> None:
    for server in servers:
        server.add(f"_byname.{name}", "TXT", f"byname-verify={token}")


def publish_advice(servers: list[DnsServer], name: str) -> None:
    for server in servers:
        server.add(name, "MX", "10 mx1.host.test.")
        server.add(name, "TXT", "v=spf1 include:spf.host.test -all")
        server.add(f"byname._domainkey.{name}", "TXT", "v=DKIM1; k=rsa; p=MIIB")
        server.add(f"_dmarc.{name}", "TXT", "v=DMARC1; p=none")


def test_check_says_what_to_paste(byname: CommandLine, servers: list[DnsServer]) -> None:
    servers[0].add(f"_dmarc.{NAME}", "TXT", "v=DMARC1; p=none")
    servers[1].add(f"_dmarc.{NAME}", "TXT", "v=DMARC1; p=none")
    finished = byname("domain", "check", NAME)
    assert finished.code == 1
    proof = f"byname-verify={token(byname)}"
    lines = [" ".join(line.split()) for line in finished.out.splitlines()]
    assert lines[0] == "pending.test: pending_dns"
    assert lines[2] == "RECORD TYPE NAME TO PUBLISH FOUND"
    assert f"\u2717 ownership TXT _byname.{NAME} {proof} -" in lines
    assert f"\u2713 dmarc TXT _dmarc.{NAME} v=DMARC1; p=none v=DMARC1; p=none" in lines
    assert f'_byname.{NAME}. IN TXT "{proof}"' in lines
    assert f"{NAME}. IN MX 10 mx1.host.test." in lines
    assert not any(line.startswith("_dmarc") for line in lines)  # nothing to paste for what is right


def test_check_all_right_changes_nothing(byname: CommandLine, servers: list[DnsServer]) -> None:
    publish(servers, NAME, token(byname))
    publish_advice(servers, NAME)
    finished = byname("domain", "check", NAME)
    assert finished.code == 0
    assert "To paste" not in finished.out
    assert finished.err == f"byname: hint: to let it take effect: byname domain verify {NAME}\n"
    shown = byname("domain", "check", NAME, "--json").data
    assert [record["state"] for record in shown["records"]] == ["ok"] * 5
    assert (shown["domain"]["status"], shown["warnings"]) == ("pending_dns", [])


def test_what_stands_in_the_dns_steers_no_terminal(byname: CommandLine, servers: list[DnsServer]) -> None:
    for server in servers:
        server.add(NAME, "TXT", r'"v=spf1 \027[2J mx \010x -all"')
    shown = byname("domain", "check", NAME).out
    assert r"\x1b[2j mx" in shown
    assert "\x1b" not in shown


def test_check_when_nobody_answers(byname: CommandLine, servers: list[DnsServer]) -> None:
    for server in servers:
        server.behave(rcode=dns.rcode.SERVFAIL)
    finished = byname("domain", "check", NAME)
    assert finished.code == 75
    assert f"! ownership: {min(map(str, (one.nameserver for one in servers)))}: SERVFAIL" in finished.out


def test_verify(byname: CommandLine, servers: list[DnsServer]) -> None:
    finished = byname("domain", "verify", NAME)
    assert finished.code == 1
    publish(servers, NAME, token(byname))
    finished = byname("domain", "verify", NAME)
    assert finished.code == 0
    assert "proved: active now" in finished.out
    assert "domain-proved" in finished.err
    assert [one["status"] for one in byname("domain", "list", "--json").data["data"] if one["name"] == NAME] == [
        "active"
    ]
    assert byname("mailbox", "add", f"x@{NAME}", "--generate-password").code == 0
    for server in servers:
        server.behave(rcode=dns.rcode.REFUSED)
    assert byname("domain", "verify", NAME).code == 75


def test_verify_due(byname: CommandLine, servers: list[DnsServer]) -> None:
    publish(servers, NAME, token(byname))
    finished = byname("domain", "verify", "--due")
    assert finished.code == 0
    assert finished.out.splitlines()[1].split()[:3] == [NAME, "\u2713", "ok"]
    assert finished.err.endswith("byname: 4 domains checked, 0 could not be determined\n")
    again = byname("domain", "verify", "--due")
    assert (again.code, again.out, again.err) == (0, "", "byname: 0 domains checked, 0 could not be determined\n")


def test_verify_due_with_dead_nameservers(byname: CommandLine, servers: list[DnsServer]) -> None:
    for server in servers:
        server.behave(rcode=dns.rcode.SERVFAIL)
    finished = byname("domain", "verify", "--due")
    assert (finished.code, finished.out) == (75, "")
    assert finished.err == "byname: 4 domains checked, 4 could not be determined\n"


@pytest.mark.parametrize("arguments", [[], [NAME, "--due"]])
def test_verify_one_or_all(byname: CommandLine, arguments: list[str]) -> None:
    assert byname("domain", "verify", *arguments).code == 2


@pytest.mark.parametrize("command", [["check"], ["verify"], ["move", "--account", "acme"]])
def test_unknown_domain(byname: CommandLine, command: list[str]) -> None:
    finished = byname("domain", *command, "nowhere.test")
    assert finished.code == 65
    assert "not-found" in finished.err


def test_move(byname: CommandLine, servers: list[DnsServer]) -> None:
    assert byname("domain", "move", "brand-a.test", "--account", "rival").code == 65
    byname.succeed("domain add brand-a.test --account rival")
    assert "not-found" not in byname("domain", "move", "brand-a.test", "--account", "rival").err
    publish(servers, "brand-a.test", token(byname, "brand-a.test", "rival"))
    parked = byname("domain", "verify", "brand-a.test", "--account", "rival")
    assert parked.code == 1
    assert "another account has this domain proved" in parked.out
    words = [line.split() for line in byname("domain", "list").out.splitlines()]
    assert ["brand-a.test", "rival", "pending_dns", "parked", "-", "-"] in words
    assert ["brand-a.test", "acme", "active", "vouched", "-", "-"] in words
    asked = byname("domain", "move", "brand-a.test", "--account", "rival", "--json")
    assert (asked.code, asked.error["code"]) == (65, "domain-not-empty")
    assert asked.error["details"] == {"mailboxes": 2, "aliases": 1, "aliases_elsewhere": 1}
    moved = byname("domain", "move", "brand-a.test", "--account", "rival", "--yes", "--json")
    assert (moved.code, moved.data["account"], moved.data["status"]) == (0, "rival", "active")
    assert byname("mailbox", "list", "--json").data["data"][0]["address"] == "eve@rival.test"


def test_names_beyond_ascii_as_people_write_them(byname: CommandLine) -> None:
    byname.succeed("domain add b\u00fccher.test --account acme")
    assert "b\u00fccher.test" in byname("domain", "list").out
    shown = byname("domain", "check", "xn--bcher-kva.test")
    assert shown.out.startswith("b\u00fccher.test (xn--bcher-kva.test): pending_dns\n")
    mixed = byname("domain", "add", "p\u0430ypal.test", "--account", "acme")
    assert mixed.code == 0
    assert "mixes letters of Cyrillic and Latin" in mixed.err
    suffix = byname("domain", "add", "co.uk", "--account", "acme", "--json")
    assert (suffix.code, suffix.error["code"]) == (65, "invalid-domain")


def test_one_nameserver_is_told(byname: CommandLine, servers: list[DnsServer]) -> None:
    byname.configure(f'dns.nameservers = ["{servers[0].nameserver}"]')
    assert "with fewer than 2 a proof never lapses" in byname("domain", "check", NAME).out


@pytest.mark.parametrize("setting", ['dns.mx_hosts = ["a_b..test"]', 'dns.spf_include = "-.test"'])
def test_wrong_settings(byname: CommandLine, setting: str) -> None:
    byname.configure(setting)
    assert byname("domain", "check", NAME).code == 78
