"""The samples for nginx and Caddy, each under its real program, before a real API: only names and ports are others."""

import os
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import select

from admin_api.site import Mcp
from byname.sandbox.certificate import Certificate, make_certificate
from byname.sandbox.ports import free_port
from byname.sandbox.waiting import wait_until
from store.sql.database import Database
from store.sql.tables import SessionRow
from tests.api.dashboard.visitor import ADMIN, PASSWORD, dashboard, fill, token_of
from tests.api.running_api import RunningApi, site_over
from tests.api.tenants import secret_of
from tests.store.new_store import make_store

SAMPLES = Path(str(files("conf")))
HOST = "byname.example.com"
_CLIENT = "127.0.0.7"  # any address of the loopback network can be a client's


@dataclass(frozen=True, slots=True)
class Proxied:
    """An API behind a proxy."""

    api: RunningApi
    port: int  # HTTPS
    plain: int  # HTTP
    certificate: Path

    def client(self, address: str = _CLIENT) -> httpx.Client:
        trust = ssl.create_default_context(cafile=str(self.certificate))
        trust.check_hostname = False
        transport = httpx.HTTPTransport(verify=trust, local_address=address)
        shown = {"Host": HOST, "Authorization": f"Bearer {secret_of(self.api.database)}"}
        return httpx.Client(base_url=f"https://127.0.0.1:{self.port}", headers=shown, transport=transport, timeout=30)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    url = f"sqlite:///{tmp_path_factory.mktemp('proxies') / 'byname.db'}"
    make_store(url)
    database = Database.open(url)
    fill(database)
    site = site_over(database, dashboard=dashboard(), base_url=f"https://{HOST}")
    running = RunningApi(replace(site, mcp=Mcp((HOST,), ())))
    yield running
    running.close()
    database.close()


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxied(
    request: pytest.FixtureRequest, api: RunningApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp(request.param)
    made, port, plain = make_certificate(folder), free_port(), free_port()
    command = {"nginx": nginx, "caddy": caddy}[request.param](folder, made, urlsplit(api.url).netloc, port, plain)
    with _running(command, folder, port):
        yield Proxied(api, port, plain, made.certificate)


def nginx(folder: Path, made: Certificate, api: str, port: int, plain: int) -> list[str]:
    text = (SAMPLES / "nginx" / "byname.conf").read_text()
    for old, new in (
        ("127.0.0.1:8080", api), ("listen 443", f"listen 127.0.0.1:{port}"), ("listen 80", f"listen 127.0.0.1:{plain}"),
        ("/etc/ssl/certs/ssl-cert-snakeoil.pem", str(made.certificate)),
        ("/etc/ssl/private/ssl-cert-snakeoil.key", str(made.key)),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    paths = (f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""  # the folder is nobody else's
    around = (
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n"
    )
    (folder / "nginx.conf").write_text("\n".join([around, *paths, text, "}"]))
    command = ["nginx", "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    return command


def caddy(folder: Path, made: Certificate, api: str, port: int, plain: int) -> list[str]:
    text = (SAMPLES / "caddy" / "Caddyfile").read_text()
    site = f"https://{HOST}:{port} {{\n\tbind 127.0.0.1\n\ttls {made.certificate} {made.key}"
    text = text.replace("127.0.0.1:8080", api).replace(f"{HOST} {{", site)
    around = f"{{\n\tadmin off\n\thttp_port {plain}\n\thttps_port {port}\n\tstorage file_system {folder}/storage\n}}\n"
    (folder / "Caddyfile").write_text(around + text)
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    subprocess.run(["caddy", "validate", *command[2:]], check=True, capture_output=True)
    return command


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        try:
            wait_until(lambda: _answers(port), 20, command[0])
            yield
        finally:
            process.terminate()
            process.wait(20)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_the_api_answers_over_tls(proxied: Proxied) -> None:
    with proxied.client() as client:
        answer = client.get("/api/v1/me")
        assert (answer.status_code, answer.json()["data"]["kind"]) == (200, "operator")
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert client.get("/api/v1/me", headers={"Authorization": "Bearer no"}).status_code == 401
        assert client.get("/healthz").status_code == 200


def test_plain_http_leads_to_https(proxied: Proxied) -> None:
    answer = httpx.get(f"http://127.0.0.1:{proxied.plain}/aliases?page=2", headers={"Host": HOST})
    assert answer.status_code in {301, 308}
    assert re.fullmatch(rf"https://{HOST}(:\d+)?/aliases\?page=2", answer.headers["Location"])


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
def test_what_is_for_the_machine_alone(proxied: Proxied, path: str) -> None:
    assert httpx.get(proxied.api.url + path).status_code == 200
    with proxied.client() as client:
        answer = client.get(path)
    assert (answer.status_code, "sql" in answer.text) == (404, False)


def test_who_asks_is_told_by_the_proxy_alone(proxied: Proxied) -> None:
    """What the client says of itself is not believed."""
    with proxied.client() as client:
        del client.headers["Authorization"]
        form = {"csrf": token_of(client.get("/login")), "name": ADMIN, "password": PASSWORD, "next": ""}
        said = {"X-Forwarded-For": "203.0.113.9", "Origin": f"https://{HOST}"}
        answer = client.post("/login", data=form, headers=said)
        assert answer.status_code == 303, answer.text
        assert "__Host-byname" in answer.headers["Set-Cookie"]
    with proxied.api.database.read() as tx:
        assert tx.scalars(select(SessionRow.client).order_by(SessionRow.id.desc())).first() == _CLIENT


def test_a_body_that_is_too_large(proxied: Proxied) -> None:
    """Both what the proxy lets through, which the API then judges, and what it does not."""
    with proxied.client() as client:
        kinds = {"Content-Type": "application/json"}
        judged = client.post("/api/v1/accounts", content=b" " * 3_000_000, headers=kinds)
        assert (judged.status_code, judged.headers["Content-Type"]) == (413, "application/problem+json")
        pieces = (b" " * 1_000_000 for _ in range(70))
        try:
            refused = client.post("/api/v1/aliases:import", content=pieces, headers={"Content-Type": "text/csv"})
        except httpx.WriteError:  # it hangs up while we still send
            return
        assert refused.status_code == 413


def test_agents_are_served(proxied: Proxied) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    with proxied.client() as client:
        answer = client.post("/mcp", json=call, headers={"Accept": "application/json, text/event-stream"})
    assert answer.status_code == 200, answer.text
    assert "serverInfo" in answer.text
