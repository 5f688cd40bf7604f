"""Style, script and icon of the pages. Their addresses hold a digest, so that a browser may keep them."""

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


def _address(path: Path) -> str:
    return f"{path.stem}.{sha256(path.read_bytes()).hexdigest()[:12]}{path.suffix}"


_FILES = {_address(path): path for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES}
_BODIES = {name: path.read_bytes() for name, path in _FILES.items()}

# file name: its path below the dashboard's own
ASSETS: Mapping[str, str] = MappingProxyType({path.name: f"/static/{name}" for name, path in _FILES.items()})


async def serve(request: Request) -> Response:
    """Send a file."""
    name = request.path_params["name"]
    if name not in _BODIES:
        return Response(status_code=HTTPStatus.NOT_FOUND)
    return Response(_BODIES[name], headers={"Cache-Control": _FOR_GOOD}, media_type=_TYPES[_FILES[name].suffix])
