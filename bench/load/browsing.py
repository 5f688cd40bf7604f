"""Somebody who looks at the dashboard, for benches: signed in over HTTP on a kept connection, or in a real Chromium."""

import http.client
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import BrowserContext, Response, sync_playwright

from byname.sandbox.errors import SandboxError

_CHROMIUM = Path("/usr/bin/chromium-headless-shell")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_TOKEN = re.compile(rb'name="csrf" value="([^"]+)"')
_COUNTED = re.compile(rb'^byname_api_requests_total\{.*route="([^"]*)".*\} ([0-9.e+]+)$', re.MULTILINE)
_SESSION = "byname"  # the cookie's name on loopback


@dataclass(frozen=True, slots=True)
class Cold:
    """What a browser that has kept nothing asks for to show one page."""

    requests: int  # that the server got
    page: int  # bytes of the page itself
    beside: int  # bytes of style, script and icon


class Reader:
    """One connection that is kept, with the cookies of somebody who signed in."""

    def __init__(self, place: tuple[str, int]) -> None:
        self._connection = http.client.HTTPConnection(*place, timeout=60)
        self.cookies: dict[str, str] = {}

    def sign_in(self, name: str, password: str) -> None:
        """Sign in. Raises RuntimeError when that is refused."""
        token = _TOKEN.search(self.get("/login")[1])
        assert token is not None
        fields = {"csrf": unescape(token[1].decode()), "name": name, "password": password, "next": ""}
        self._ask("POST", "/login", urlencode(fields))
        if _SESSION not in self.cookies:
            raise RuntimeError(f"{name} could not sign in")

    def get(self, path: str) -> tuple[float, bytes]:
        """Return the seconds that an answer took, and its body. Raises RuntimeError when it was refused."""
        begun = time.perf_counter()
        body = self._ask("GET", path)
        return time.perf_counter() - begun, body

    def metrics(self) -> bytes:
        """Return what the server has counted."""
        self.close()
        return self.get("/metrics")[1]

    def close(self) -> None:
        """Give the connection back; the next request opens another. The server ends one that is idle for seconds."""
        self._connection.close()

    def _ask(self, method: str, path: str, form: str | None = None) -> bytes:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, form, headers)
        answer = self._connection.getresponse()
        body = answer.read()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        if answer.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{method} {path}: {answer.status}")
        return body


@contextmanager
def chromium(place: tuple[str, int], reader: Reader) -> Iterator["Chromium"]:
    """Run a Chromium that is signed in as ``reader`` is.

    Raises:
        SandboxError: it is not installed.
    """
    if not _CHROMIUM.exists():
        raise SandboxError(f"{_CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        url = f"http://{place[0]}:{place[1]}"
        yield Chromium(browser.new_context, reader.metrics, url, reader.cookies[_SESSION])
        browser.close()


class Chromium:
    """Opens pages, each as a browser that has kept nothing of this host but the session."""

    def __init__(
        self, fresh: Callable[[], BrowserContext], metrics: Callable[[], bytes], url: str, session: str
    ) -> None:
        self._fresh, self._metrics, self._url, self._session = fresh, metrics, url, session

    def cold(self, path: str) -> Cold:
        """Return what the first view of a page takes. Raises RuntimeError when an answer is a refusal."""
        context, before = self._fresh(), self._counted()
        context.add_cookies([{"name": _SESSION, "value": self._session, "url": self._url}])
        page, seen = context.new_page(), list[Response]()
        page.on("response", lambda answer: seen.append(answer))
        page.goto(self._url + path, wait_until="networkidle")
        if refused := [answer.url for answer in seen if not answer.ok]:
            raise RuntimeError(f"refused: {', '.join(refused)}")
        sizes = {answer.url: len(answer.body()) for answer in seen}  # the icon twice, the second time from its cache
        context.close()
        first, *others = sizes.values()
        return Cold(self._counted() - before, first, sum(others))

    def _counted(self) -> int:
        """Return how many requests the server has answered, but for this one's like."""
        return sum(int(float(found[2])) for found in _COUNTED.finditer(self._metrics()) if found[1] != b"/metrics")
