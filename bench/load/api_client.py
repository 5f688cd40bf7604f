"""A client of the REST API, for benches that ask it."""

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any

from admin_api.http.changes import PROPAGATION


@dataclass(frozen=True, slots=True)
class Answer:
    """The API's answer; ``data`` is that of its body, None without one."""

    data: Any
    propagation: str | None  # "live" or "pending", after a change


class ApiClient:
    """One connection that is kept."""

    def __init__(self, place: tuple[str, int], secret: str) -> None:
        self._connection = http.client.HTTPConnection(*place, timeout=60)
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self.seconds: list[float] = []  # of each request

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Make a request and note how long it took. Raises RuntimeError when it was refused."""
        given = None if body is None else json.dumps(body)
        begun = time.perf_counter()
        self._connection.request(method, f"/api/v1{path}", given, self._headers | headers)
        answer = self._connection.getresponse()
        text = answer.read()
        self.seconds.append(time.perf_counter() - begun)
        if answer.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")
        return Answer(json.loads(text)["data"] if text else None, answer.headers[PROPAGATION])

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()
