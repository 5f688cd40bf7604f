"""A reader of Sieve after the grammar of RFC 5228 section 8, of its own, to hold what we write against.

A script is a list of commands ``(name, arguments, block)``; an argument is a tag ``:is``, a number, a text, a list of
texts, or a list of tests ``(name, arguments)``. Comments are told apart, in their order.
"""

import re
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n]+)|\#(?P<comment>[^\n]*)\n|"(?P<text>(?:[^"\\\0]|\\.)*)"|(?P<tag>:[A-Za-z_][A-Za-z0-9_]*)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[0-9]+)|(?P<mark>[\[\](){},;])""",
    re.VERBOSE | re.DOTALL,
)


@dataclass
class SieveReader:
    """What a script says."""

    script: str
    comments: list[str] = field(default_factory=list)
    _tokens: list[tuple[str, str]] = field(default_factory=list)

    def read(self) -> list[Any]:
        """Return the commands. Raises ValueError for what is no script."""
        at = 0
        while at < len(self.script):
            found = _TOKEN.match(self.script, at)
            if found is None:
                raise ValueError(self.script[at : at + 40])
            at = found.end()
            kind = str(found.lastgroup)
            if kind == "comment":
                self.comments.append(found["comment"])
            elif kind != "blank":
                self._tokens.append((kind, found[kind]))
        commands = self._commands()
        if self._tokens:
            raise ValueError(self._tokens[0])
        return commands

    def _commands(self) -> list[Any]:
        found = []
        while self._tokens and self._tokens[0][0] == "word":
            name, arguments = self._tokens.pop(0)[1], self._arguments()
            block = None
            if self._tokens.pop(0) == ("mark", "{"):
                block = self._commands()
                self._expect("}")
            found.append((name, arguments, block))
        return found

    def _arguments(self) -> list[Any]:
        found: list[Any] = []
        while True:
            kind, value = self._tokens[0]
            if kind in {"tag", "number"}:
                found.append(self._tokens.pop(0)[1])
            elif kind == "text":
                self._tokens.pop(0)
                found.append([re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)])
            elif kind == "word":
                self._tokens.pop(0)
                found.append((value, self._arguments()))
            elif (kind, value) in {("mark", "["), ("mark", "(")}:
                found.append(self._listed("]" if value == "[" else ")"))
            else:
                return found

    def _listed(self, end: str) -> list[Any]:
        self._tokens.pop(0)
        found: list[Any] = []
        while True:
            found += [one for group in self._arguments() for one in (group if isinstance(group, list) else [group])]
            if self._tokens[0] != ("mark", ","):
                break
            self._tokens.pop(0)
        self._expect(end)
        return found

    def _expect(self, mark: str) -> None:
        if self._tokens.pop(0) != ("mark", mark):
            raise ValueError(f"no {mark}")
