"""Style, script and icon of the pages. Their addresses hold a digest, so that a browser may keep them.

A page asks for one file of each kind. What is written as several, in the order of their names, is sent as one.
"""

from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_GOOD = "public, max-age=31536000, immutable"


def _together(folder: str, pattern: str) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((_FOLDER / folder).glob(pattern)))


_BODIES = {
    "style.css": _together("style", "*.css"),
    "dashboard.js": _together("script", "*.js"),
    "icon.svg": (_FOLDER / "icon.svg").read_bytes(),
}


def _address(name: str) -> str:
    stem, dot, suffix = name.partition(".")
    return f"{stem}.{sha256(_BODIES[name]).hexdigest()[:12]}{dot}{suffix}"


_NAMES = {_address(name): name for name in _BODIES}

# file name: its path below the dashboard's own
ASSETS: Mapping[str, str] = MappingProxyType({name: f"/static/{address}" for address, name in _NAMES.items()})


async def serve(request: Request) -> Response:
    """Send a file."""
    name = _NAMES.get(request.path_params["name"])
    if name is None:
        return Response(status_code=HTTPStatus.NOT_FOUND)
    return Response(_BODIES[name], headers={"Cache-Control": _FOR_GOOD}, media_type=_TYPES[Path(name).suffix])
