"""The page to browse the API: Swagger UI from this host alone, with a policy that lets it load nothing else."""

from collections.abc import Callable
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

_FOLDER = Path(fastapi_offline.__file__).parent / "static"
_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}
_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline';"
    " script-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# validatorUrl: else the page asks a service on the internet about our description
_OPTIONS = {"validatorUrl": None, "docExpansion": "none", "tryItOutEnabled": True}


def add_docs(app: FastAPI, at: str) -> None:
    """Serve the page at ``at`` and its files below it. Links are relative, so that any prefix before it will do."""
    name = at.rpartition("/")[2]
    html = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=app.title,
        swagger_js_url=f"{name}/swagger-ui-bundle.js",
        swagger_css_url=f"{name}/swagger-ui.css",
        swagger_favicon_url=f"{name}/favicon.png",
        swagger_ui_parameters=_OPTIONS,
    )

    def page(_: Request) -> Response:
        return HTMLResponse(html.body, headers={"Content-Security-Policy": _POLICY})

    app.add_route(at, page, include_in_schema=False)
    for known, kind in _FILES.items():
        app.add_route(f"{at}/{known}", _file(known, kind), include_in_schema=False)


def _file(name: str, kind: str) -> Callable[[Request], Response]:
    def send(_: Request) -> Response:
        return FileResponse(_FOLDER / name, media_type=kind)

    return send
