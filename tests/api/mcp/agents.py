"""Agents as tests use them: processes with the SDK's client, one for many sessions (tests/api/mcp/agent.py)."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[3]
HTTP, STDIO = "http", "stdio"
MODERN, HANDSHAKE = "auto", "legacy"  # the client's words for the two modes of the protocol
VERSIONS = {MODERN: "2026-07-28", HANDSHAKE: "2025-11-25"}
_numbers = count(1)


def command(url: str) -> list[str]:
    """Return the command that serves MCP on stdio."""
    return [sys.executable, "-m", "byname", "mcp", "--url", url]


class Told(Exception):
    """The protocol's own error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error


@dataclass
class Answer:
    """What a tool answered. ``asked``: what a person was asked meanwhile."""

    result: dict[str, Any]
    asked: list[str]

    @property
    def data(self) -> Any:
        """Its structured content, which must not be a refusal."""
        assert not self.result["isError"], self.result
        return self.result["structuredContent"]

    @property
    def problem(self) -> Any:
        """Its structured content, which must be a refusal."""
        assert self.result["isError"], self.result
        return self.result["structuredContent"]

    @property
    def code(self) -> str:
        """The code of the refusal; "" for none."""
        return str(self.result["structuredContent"]["code"]) if self.result["isError"] else ""

    @property
    def text(self) -> str:
        """What a client shows that knows text only."""
        return str(self.result["content"][0]["text"])


class AgentProcess:
    """The process. A context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.api.mcp.agent"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate(timeout=20)

    def say(self, line: dict[str, Any]) -> Any:
        """Have one thing done."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline() or '{"error": {"message": "the agent is gone"}}')
        if "error" in said:
            raise Told(said["error"])
        return said


@dataclass
class Agent:
    """One session of an agent. ``answers`` is what its person says; None: its client cannot ask."""

    process: AgentProcess
    url: str  # of the API's process
    token: str
    transport: str = HTTP
    mode: str = MODERN
    answers: str | None = None
    name: str = field(default_factory=lambda: f"session {next(_numbers)}")

    def do(self, what: str, **given: Any) -> Any:
        """Do one thing, and return what came of it."""
        return self._say(what, given)["found"]

    def call(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool."""
        said = self._say("call", {"name": tool, "arguments": arguments})
        return Answer(said["found"], said["asked"])

    def tools(self) -> set[str]:
        """Return the names of the tools that are listed."""
        return {tool["name"] for tool in self.do("tools")}

    def _say(self, what: str, given: dict[str, Any]) -> Any:
        return self.process.say({"session": self.name, "how": self._how(), "do": what, "given": given})

    def _how(self) -> dict[str, Any]:
        shared = {"mode": self.mode, "answers": self.answers}
        if self.transport == HTTP:
            return {**shared, "url": f"{self.url}/mcp", "token": self.token}
        return {**shared, "command": command(self.url), "environ": {**os.environ, "BYNAME_TOKEN": self.token}}
