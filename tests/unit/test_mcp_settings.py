"""Which hosts and origins may be named at ``/mcp``, by the settings; and where ``byname mcp`` sends no token."""

from pathlib import Path

import pytest

from byname.wiring.api import mcp_of
from conf.settings import ConfigError, Settings, load
from tests.store.cli.command_line import run_here


def settings(folder: Path, text: str) -> Settings:
    file = folder / "byname.toml"
    file.write_text(text)
    return load(file)


LOOPBACK = ("127.0.0.1:8080", "127.0.0.1:8080", "[::1]:8080", "localhost:8080")
CASES = {
    "the default": ("", LOOPBACK, ()),
    "behind a proxy": ('api.base_url = "https://names.example.com"', (*LOOPBACK, "names.example.com"),
                       ("https://names.example.com",)),
    "with a port": ('api.base_url = "https://names.example.com:8443/x"', (*LOOPBACK, "names.example.com:8443"),
                    ("https://names.example.com:8443",)),
    "everywhere": ('api.listen = "0.0.0.0:80"', ("0.0.0.0:80",), ()),
    "more": ('mcp.allowed_hosts = ["names:*"]\nmcp.allowed_origins = ["https://app.example"]', (*LOOPBACK, "names:*"),
             ("https://app.example",)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_hosts_and_origins(tmp_path: Path, case: str) -> None:
    text, hosts, origins = CASES[case]
    found = mcp_of(settings(tmp_path, f"mcp.enabled = true\n{text}\n"))
    assert found is not None
    own = [f"http://{host}" for host in hosts if host.endswith((":8080", ":80"))]
    assert (found.hosts, found.origins) == (hosts, (*own, *origins))


def test_off_unless_asked_for(tmp_path: Path) -> None:
    assert mcp_of(settings(tmp_path, "")) is None


@pytest.mark.parametrize(
    "line",
    [
        'mcp.allowed_hosts = ["https://names.example"]',
        'mcp.allowed_hosts = ["*"]',
        'mcp.allowed_origins = ["names.example"]',
        'mcp.allowed_origins = ["https://names.example/"]',
    ],
)
def test_bad_values(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=line.split()[0].replace(".", r"\.")):
        settings(tmp_path, line)


@pytest.mark.parametrize(
    ("url", "token", "told"),
    [
        ("http://names.example.com", "x" * 40, "https://"),
        ("ftp://127.0.0.1", "x" * 40, "https://"),
        ("https://names.example.com", "", "holds no token"),
        ("https://names.example.com", "two words", "holds no token"),
    ],
)
def test_a_token_goes_nowhere_else(tmp_path: Path, url: str, token: str, told: str) -> None:
    file = tmp_path / "token"
    file.write_text(token)
    done = run_here(tmp_path / "none.toml", "mcp", "--url", url, "--token-file", str(file))
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert "x" * 40 not in done.err
