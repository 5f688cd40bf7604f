"""axe-core, which looks for barriers in a page: what it finds against WCAG 2.2 AA, and against good practice.

``make test`` puts it into .venv/npm. It is run by the debugger's way, past the Content-Security-Policy of the page.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

SOURCE = Path(__file__).parents[2] / ".venv/npm/node_modules/axe-core/axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_ALL = {"runOnly": {"type": "tag", "values": _TAGS}, "rules": {"target-size": {"enabled": True}}}
_CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
_RUN = """async ([source, options]) => {
  if (!window.axe) (0, eval)(source);
  const { violations } = await axe.run(document, { resultTypes: ["violations"], elementRef: false, ...options });
  const said = (node) => [...node.any, ...node.all, ...node.none].map((one) => one.message).join("; ");
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${said(node)}`));
}"""


def barriers(page: Page, *, only_contrast: bool = False) -> list[str]:
    """Return what axe-core finds on a page as it is shown now: rule, element, what is wrong with it."""
    there = page.evaluate("Boolean(window.axe)")
    found: list[Any] = page.evaluate(_RUN, ["" if there else _source(), _CONTRAST if only_contrast else _ALL])
    return [str(one) for one in found]


@cache
def _source() -> str:
    if not SOURCE.exists():
        missing = "axe-core is not installed: `make test` does it"
        if os.environ.get("CI") or os.geteuid() == 0:
            pytest.fail(missing)
        pytest.skip(missing)
    return SOURCE.read_text("utf-8")
