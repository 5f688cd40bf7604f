"""Where password managers ask. Those who put a slash too many into a base URL or after a path are served as well.

No redirect: a client that follows one sends a GET, and Bitwarden follows none.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from admin_api.password_managers.addy import Addy
from admin_api.password_managers.serving import serve
from admin_api.password_managers.simplelogin import SimpleLogin
from admin_api.password_managers.wire import Wire

WIRES: tuple[Wire, ...] = (Addy(), SimpleLogin())
METHODS = ["POST", "OPTIONS"]


def add_password_managers(app: FastAPI) -> None:
    """Serve both interfaces."""
    for wire in WIRES:
        for path in paths(wire):
            app.add_route(path, _endpoint(wire), METHODS, include_in_schema=False)


def paths(wire: Wire) -> tuple[str, ...]:
    """Return all paths at which an interface is asked."""
    return wire.path, f"{wire.path}/", f"/{wire.path}"


def _endpoint(wire: Wire) -> Callable[[Request], Awaitable[Response]]:
    return partial(serve, wire)
