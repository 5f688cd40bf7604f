"""``byname maps`` asked by Postfix's own client: ``postmap -q KEY socketmap:unix:PATH:MAP``."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edges.listen import open_listener
from edges.maps import standard_maps
from edges.socketmap import answer
from edges.socketmap_server import SocketmapServer
from routing.directory import Directory
from routing.memory_directory import SilentDirectory
from routing.policy import Policy
from tests.unit.sample_site import DIRECTORY

Asked = tuple[int, str, str]


@pytest.fixture(scope="module", autouse=True)
def needs_postmap() -> None:
    if shutil.which("postmap") is not None:
        return
    if os.environ.get("CI"):
        pytest.fail("postmap is not installed", pytrace=False)
    pytest.skip("MAIL TESTS LEFT OUT: postmap (package postfix) is not installed")


class Postmap:
    """postmap(1) with a private configuration, asking one socketmap server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        settings = folder / "main.cf"
        settings.write_text("compatibility_level = 3.6\n")
        os.utime(settings, (1, 1))  # Postfix waits seconds for a file that has just changed to be complete
        self.socket = folder / "maps.sock"

    def __call__(self, name: str, key: str) -> Asked:
        done = subprocess.run(
            ["postmap", "-c", str(self._folder), "-q", key, f"socketmap:unix:{self.socket}:{name}"],
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.returncode, done.stdout.rstrip("\n"), done.stderr

    def serve(self, directory: Directory) -> Iterator["Postmap"]:
        maps = standard_maps(directory, Policy())
        server = SocketmapServer(open_listener(f"unix:{self.socket}"), lambda asked: answer(maps, asked).encode())
        thread = threading.Thread(target=server.serve)
        thread.start()
        yield self
        server.stop()
        thread.join(15)


@pytest.fixture
def postmap(folder: Path) -> Iterator[Postmap]:
    yield from Postmap(folder).serve(DIRECTORY)


@pytest.fixture
def blind_postmap(folder: Path) -> Iterator[Postmap]:
    yield from Postmap(folder).serve(SilentDirectory())


FOUND = [
    ("domains", "brand-a.test", "brand-a.test"),
    ("domains", "BRAND-A.TEST", "brand-a.test"),
    ("domains", "b\u00fccher.test", "xn--bcher-kva.test"),
    ("domains", "off.test", "off.test"),
    ("domains", "suspended.test", "suspended.test"),
    ("aliases", "sales@brand-a.test", "john@brand-a.test"),
    ("aliases", "sales+x@brand-a.test", "john+x@brand-a.test"),
    ("aliases", "anybody@brand-b.test", "john@brand-a.test"),
    ("senders", "sales@brand-a.test", "john@brand-a.test"),
]
NOT_FOUND = [
    ("domains", "elsewhere.test"),
    ("domains", ".brand-a.test"),
    ("domains", "john@brand-a.test"),
    ("aliases", "off@brand-b.test"),
    ("aliases", "x@elsewhere.test"),
    ("senders", "info@brand-a.test"),
]


@pytest.mark.parametrize(("name", "key", "value"), FOUND)
def test_found(postmap: Postmap, name: str, key: str, value: str) -> None:
    assert postmap(name, key) == (0, value, "")


@pytest.mark.parametrize(("name", "key"), NOT_FOUND)
def test_not_found(postmap: Postmap, name: str, key: str) -> None:
    assert postmap(name, key) == (1, "", "")


@pytest.mark.parametrize(
    ("name", "key"), [("domains", "brand-a.test"), ("aliases", "x@y.test"), ("senders", "x@y.test")]
)
def test_no_evidence_is_a_temporary_error(blind_postmap: Postmap, name: str, key: str) -> None:
    code, out, err = blind_postmap(name, key)
    assert (code, out) == (1, "")
    assert "socketmap server temporary error" in err


def test_an_unknown_map_is_a_permanent_error(postmap: Postmap) -> None:
    code, out, err = postmap("nonsense", "brand-a.test")
    assert (code, out) == (1, "")
    assert "socketmap server permanent error: there is no such map; there are: domains, aliases, senders" in err


def test_many_keys_over_one_connection(postmap: Postmap) -> None:
    keys = ["brand-a.test", "elsewhere.test"] * 200
    done = subprocess.run(
        ["postmap", "-c", str(postmap.socket.parent), "-q", "-", f"socketmap:unix:{postmap.socket}:domains"],
        input="\n".join(keys),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.splitlines() == ["brand-a.test\tbrand-a.test"] * 200
