"""``byname api`` as a process: readiness, its log, reload, its end, and what a kill leaves behind."""

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from byname.sandbox.ports import free_port
from tests.store.cli.command_line import SAMPLE, CommandLine

PATIENCE = 20.0
KEY = {"Idempotency-Key": "one-and-only"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    command_line = CommandLine(tmp_path_factory.mktemp("sample"))
    command_line.succeed(*SAMPLE)
    return command_line


class Site:
    """A configured folder, and the address of its API."""

    def __init__(self, byname: CommandLine) -> None:
        self.byname = byname
        self.port = free_port()
        self.configure()

    def configure(self, *more: str) -> None:
        self.byname.configure(f'api.listen = "127.0.0.1:{self.port}"', 'log.format = "json"', *more)

    def token(self) -> str:
        made = self.byname("token", "create", "--account", "acme")
        assert made.code == 0, made
        return made.out.strip()

    def client(self, secret: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/api/v1", headers=headers, timeout=PATIENCE, verify=False
        )

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[str]"]:
        """Start the daemon and wait until it reports readiness as systemd would hear it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            name = f"@byname-test-api-{self.port}-{time.monotonic_ns()}"
            manager.bind(name.replace("@", "\0"))
            manager.settimeout(PATIENCE)
            process = self.byname.start("api", env={"NOTIFY_SOCKET": name})
            try:
                heard = {manager.recv(100), manager.recv(100)}
                assert heard == {b"READY=1", b"WATCHDOG=1"}
                yield process
            finally:
                process.kill()
                process.communicate()


@pytest.fixture
def site(sample: CommandLine, tmp_path: Path) -> Site:
    return Site(sample.copied_to(tmp_path))


def test_it_answers_logs_and_ends(site: Site) -> None:
    secret = site.token()
    with site.running() as process, site.client(secret) as client:
        answer = client.get("/mailboxes", params={"search": "john"}, headers={"X-Request-Id": "order-1"})
        assert [one["address"] for one in answer.json()["data"]] == ["john@brand-a.test"]
        assert httpx.get(f"http://127.0.0.1:{site.port}/readyz").json()["reasons"] == {"sql": "ok"}
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "")
    assert secret not in err
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["event"] for line in lines] == ["started", "request", "stopping"]
    told = {name: lines[1][name] for name in ("role", "method", "path", "status", "request_id", "token", "account")}
    assert told == {
        "role": "api", "method": "GET", "path": "/api/v1/mailboxes", "status": 200, "request_id": "order-1",
        "token": 1, "account": 1,
    }  # fmt: skip


def test_it_reads_the_settings_again(site: Site) -> None:
    with site.running() as process, site.client(site.token()) as client:
        assert process.stderr is not None
        assert [client.get("/me").status_code for _ in range(3)] == [200] * 3
        site.configure("api.rate = 1", "api.burst = 1")
        process.send_signal(signal.SIGHUP)
        wait_for(process, "reloaded")
        assert [client.get("/me").status_code for _ in range(2)] == [200, 429]
        site.configure("nonsense.key = 1")
        process.send_signal(signal.SIGHUP)
        wait_for(process, "reload-failed")
        assert client.get("/me").status_code in {200, 429}


def wait_for(process: "subprocess.Popen[str]", event: str) -> None:
    assert process.stderr is not None
    while json.loads(process.stderr.readline())["event"] != event:
        continue


def test_a_busy_port_is_told(site: Site) -> None:
    with socket.create_server(("127.0.0.1", site.port)):
        process = site.byname.start("api")
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 75
    assert err.splitlines()[-1] == (
        f"byname: socket-busy: another program already listens on inet:{site.port}@127.0.0.1"
    )


def test_an_idle_connection_does_not_hold_the_end(site: Site) -> None:
    with site.running() as process, socket.create_connection(("127.0.0.1", site.port)) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        started = time.monotonic()
        process.terminate()
        process.wait(PATIENCE)
        assert process.returncode == 0
        assert time.monotonic() - started < 10


def test_one_alias_though_the_api_is_killed_in_between(site: Site) -> None:
    """The same key 20 times at once; the process is killed with requests under way, and started again."""
    secret = site.token()
    with site.client(secret) as client, site.running() as first:
        mailbox = client.get("/mailboxes", params={"search": "john"}).json()["data"][0]["id"]
        domain = client.get("/domains", params={"search": "brand-b"}).json()["data"][0]["id"]
        begun = threading.Semaphore(0)
        body = {"local_part": "shop", "domain_id": domain}
        with ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(until_answered, site, secret, mailbox, body, begun) for _ in range(20)]
            for _ in range(20):
                begun.acquire(timeout=PATIENCE)
            first.kill()
            first.wait()
            with site.running():
                answers = [one.result() for one in asked]
                with site.client(secret) as again:
                    aliases = again.get(f"/mailboxes/{mailbox}/aliases").json()["data"]
    assert {status for status, _ in answers} == {201}
    assert len({text for _, text in answers}) == 1
    assert [one["local_part"] for one in aliases].count("shop") == 1


def until_answered(site: Site, secret: str, mailbox: int, body: Any, begun: threading.Semaphore) -> tuple[int, str]:
    """Ask, as a careful client does: again with the same key when nothing came back."""
    deadline, is_first = time.monotonic() + 2 * PATIENCE, True
    while time.monotonic() < deadline:
        try:
            with site.client(secret) as client:
                if is_first:
                    begun.release()
                    is_first = False
                answer = client.post(f"/mailboxes/{mailbox}/aliases", json=body, headers=KEY)
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if not answer.is_error or not answer.json()["retryable"]:
            return answer.status_code, answer.text
        time.sleep(0.05)
    raise AssertionError("no answer")
