"""The arguments of a call, sorted into the request that its operation takes."""

import json
from collections.abc import Mapping
from typing import Any

from admin_api.http.models import LARGEST_ID
from admin_api.http.operations import Operation
from admin_api.mcp.asking import Asked, Asker, Refused, asked_for
from admin_api.mcp.schemas import CONFIRM, KEY
from admin_api.mcp.tools import Tool

_KEY_HEADER = "Idempotency-Key"

Arguments = Mapping[str, Any]


def ids_of(operation: Operation, arguments: Arguments) -> dict[str, int]:
    """Return the ids of a path. Raises Refused ``invalid-request`` for one that is missing, or none."""
    return {name: _id(name, arguments) for name in operation.ids}


def request_of(tool: Tool, operation: Operation, arguments: Arguments, asker: Asker) -> Asked:
    """Return the request that a call means. Its values are checked by the API, save those of the path.

    Raises:
        Refused: ``invalid-request`` for an argument that there is not, and as :func:`ids_of`.
    """
    _refuse_unknown(tool, operation, arguments)
    query = {name: _as_text(value) for name in operation.query if (value := arguments.get(name)) is not None}
    headers = {header: "true" for name, header in tool.switches.items() if arguments.get(name) is True}
    body = None if operation.body is None else _body(operation, arguments)
    asked = asked_for(operation, ids_of(operation, arguments), query=query, body=body, headers=headers)
    if not (tool.is_change and tool.keeps_answer):
        return asked
    key = arguments.get(KEY) or asker.key_of(asked)
    if not (isinstance(key, str) and 0 < len(key) <= 255 and key.isascii() and key.isprintable() and " " not in key):
        raise _invalid(KEY, "must be 1 to 255 printable characters of ASCII without blanks")
    return Asked(asked.method, asked.path, query, body, {**headers, _KEY_HEADER: key})


def body_fields(operation: Operation) -> dict[str, Any]:
    """Return the fields of a body by their names on the wire."""
    if operation.body is None:
        return {}
    return {info.alias or name: info for name, info in operation.body.model_fields.items()}


def _refuse_unknown(tool: Tool, operation: Operation, arguments: Arguments) -> None:
    # A body's own validator may know names that it only refuses, such as those by which an alias would be renamed.
    known = {*operation.ids, *operation.query, *tool.switches, KEY, CONFIRM}
    if operation.body is not None:
        return
    for name in arguments:
        if name not in known:
            there_are = ", ".join(sorted(known - {KEY, CONFIRM})) or "none"
            raise _invalid(name[:100], f"there is no such argument; there are: {there_are}")


def _body(operation: Operation, arguments: Arguments) -> dict[str, Any]:
    """Return the body: all that is not an id or said to the tool itself."""
    apart = {*operation.ids, *operation.query, KEY, CONFIRM}
    fields = body_fields(operation)
    return {name: _unquoted(fields.get(name), value) for name, value in arguments.items() if name not in apart}


def _unquoted(field: Any, value: Any) -> Any:
    """Return a list or object that a client sent as JSON within a text, as some do."""
    if not isinstance(value, str) or value[:1] not in {"[", "{"} or getattr(field, "annotation", str) is str:
        return value
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return read if isinstance(read, list | dict) else value


def _id(name: str, arguments: Arguments) -> int:
    value = arguments.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else "" if isinstance(value, bool) else str(value)
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and 1 <= int(text) <= LARGEST_ID):
        raise _invalid(name, "is needed" if value is None else "must be an id, a whole number from 1")
    return int(text)


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _invalid(name: str, detail: str) -> Refused:
    return Refused("invalid-request", f"{name} {detail}", errors=[{"pointer": f"/{name}", "detail": detail}])
