"""``byname mcp``: tools for an agent whose client starts them as a process (docs/mcp.md)."""

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from byname import cli_context
from byname.cli_context import CliContext

VARIABLE = "BYNAME_TOKEN"


def mcp(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The API; without, [api] base_url or listen of the settings.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help=f"Holds the token; without, {VARIABLE} does.")
    ] = None,
) -> None:
    """Serve MCP on stdin and stdout until stdin ends. Every call is made over HTTP, with the rights of the token."""
    where = _checked(url or _of_settings(cli_context.of(context)))
    secret = _secret(token_file)
    _log_to_stderr()
    from admin_api.mcp.stdio import serve
    from admin_api.rest.routes.all import operations_by_name

    serve(where, secret, operations_by_name())


def _of_settings(run: CliContext) -> str:
    api = run.settings().api
    return api.base_url or f"http://{api.listen}"


def _checked(url: str) -> str:
    """Return the URL if a token may be sent there: in TLS, or to this machine."""
    from conf.listen import is_loopback

    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return url.rstrip("/").removesuffix("/api/v1")
    raise typer.BadParameter("must be https://, or http:// to this machine: the token goes there", param_hint="--url")


def _secret(file: Path | None) -> str:
    try:
        secret = os.environ.get(VARIABLE, "") if file is None else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter("cannot be read", param_hint="--token-file") from None
    if not secret.strip() or not secret.strip().isascii() or len(secret.split()) != 1:
        hint = VARIABLE if file is None else "--token-file"
        raise typer.BadParameter("holds no token", param_hint=hint)
    return secret.strip()


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(level=logging.WARNING)  # stdout belongs to the protocol
    logging.getLogger("httpx2").setLevel(logging.WARNING)
