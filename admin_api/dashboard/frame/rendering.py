"""Pages from templates: everything that is put into one is escaped."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from admin_api.dashboard.frame.moments import ago, exact
from routing.domain import unicode_domain


def readable(address: str) -> str:
    """Return an address or domain as people read it, its domain in U-labels."""
    local, at, domain = address.rpartition("@")
    return local + at + unicode_domain(domain)


def _breakable(text: str) -> Markup:
    """Return a text whose addresses may be broken before the @, for headings on narrow screens."""
    return escape(text).replace("@", Markup("<wbr>@"))


def _sentence(text: str) -> str:
    """Return a service's words as the beginning of a sentence; an address or domain stays as it is."""
    first = text.partition(" ")[0]
    return text if "@" in first or "." in first else text[:1].upper() + text[1:]


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.filters["readable"] = readable
_TEMPLATES.filters["breakable"] = _breakable
_TEMPLATES.filters["sentence"] = _sentence
_TEMPLATES.filters["ago"] = ago
_TEMPLATES.filters["exact"] = exact


def render(template: str, **values: Any) -> str:
    """Return a page."""
    return _TEMPLATES.get_template(template).render(values)
