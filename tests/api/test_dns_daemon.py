"""Checks in the process of ``byname api``, over nameservers of its settings: done, ended with it, left by a kill."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from byname.sandbox.waiting import wait_until
from tests.api.test_daemon import PATIENCE, Site
from tests.store.cli.command_line import SAMPLE, CommandLine
from tests.store.dns.dns_server import DnsServer

NAME = "pending.test"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    command_line = CommandLine(tmp_path_factory.mktemp("sample"))
    command_line.succeed(*SAMPLE)
    return command_line


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer() as running:
        yield running


@pytest.fixture
def site(sample: CommandLine, tmp_path: Path, server: DnsServer) -> Site:
    made = Site(sample.copied_to(tmp_path))
    made.configure(f'dns.nameservers = ["{server.nameserver}"]')
    return made


def pending(client: httpx.Client) -> int:
    return int(client.get("/domains", params={"search": NAME}).json()["data"][0]["id"])


def publish(server: DnsServer, client: httpx.Client) -> None:
    record = client.get(f"/domains/{pending(client)}/dns-requirements").json()["data"]["records"][0]
    server.add(record["name"], "TXT", record["required"])


def recheck(client: httpx.Client) -> int:
    answer = client.post(f"/domains/{pending(client)}/dns-recheck")
    assert answer.status_code == 202, answer.text
    return int(answer.json()["data"]["id"])


def status(client: httpx.Client, check: int) -> str:
    return str(client.get(f"/dns-checks/{check}").json()["data"]["status"])


def test_the_process_does_the_check(site: Site, server: DnsServer) -> None:
    with site.running(), site.client(site.token()) as client:
        publish(server, client)
        check = recheck(client)
        wait_until(lambda: status(client, check) == "done", PATIENCE, "the check")
        assert client.get(f"/domains/{pending(client)}").json()["data"]["status"] == "active"
        warnings = client.get(f"/domains/{pending(client)}/dns-requirements").json()["data"]["warnings"]
    assert warnings == ["1 nameserver is asked: with fewer than 2 a proof never lapses"]


def test_a_check_under_way_does_not_hold_the_end(site: Site, server: DnsServer) -> None:
    server.behave(silent=True)
    with site.running() as process, site.client(site.token()) as client:
        check = recheck(client)
        wait_until(lambda: status(client, check) == "running", PATIENCE, "the check")
        begun = time.monotonic()
        process.terminate()
        process.communicate(timeout=PATIENCE)
        assert (process.returncode, time.monotonic() - begun < 10) == (0, True)


def test_what_a_kill_leaves_the_timer_does(site: Site, server: DnsServer) -> None:
    server.behave(silent=True)
    with site.running() as process, site.client(site.token()) as client:
        publish(server, client)
        check = recheck(client)
        wait_until(lambda: status(client, check) == "running", PATIENCE, "the check")
        process.kill()
    server.behave()
    assert site.byname("domain", "verify", "--due").code == 0
    listed = [line.split()[:4] for line in site.byname("domain", "list").out.splitlines()]
    assert [NAME, "acme", "active", "in-dns"] in listed
