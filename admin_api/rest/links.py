"""Links in the description (OpenAPI 3.1, Link Object): what may be asked next about a thing that was made."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

Json = dict[str, Any]

_ID = "$response.body#/data/id"

# operation that makes something: the parameters by which others name it, and where they are found
_MADE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "create_account": {"account_id": _ID},
        "create_domain": {"domain_id": _ID},
        "recheck_dns": {"check_id": _ID},
        "create_mailbox": {"mailbox_id": _ID},
        "intend_deletion": {"intent_id": _ID},
        "create_alias": {"mailbox_id": "$request.path.mailbox_id", "alias_id": _ID},
        "create_rule": {"mailbox_id": "$request.path.mailbox_id", "rule_id": _ID},
        "create_token": {"token_id": _ID},
    }
)


def add_links(paths: Mapping[str, Mapping[str, Json]]) -> None:
    """Say on each answer that makes something which operations take its id."""
    for operation in _operations(paths):
        found = _MADE.get(operation["operationId"])
        if found is not None:
            links = {name: {"operationId": name, "parameters": dict(found)} for name in _taking(paths, set(found))}
            for status in {"201", "202"} & operation["responses"].keys():
                operation["responses"][status]["links"] = links


def _operations(paths: Mapping[str, Mapping[str, Json]]) -> Iterator[Json]:
    for operations in paths.values():
        yield from operations.values()


def _taking(paths: Mapping[str, Mapping[str, Json]], names: set[str]) -> Iterator[str]:
    """Return the operations whose path holds exactly these parameters."""
    for path, operations in paths.items():
        if set(re.findall(r"{(\w+)}", path)) == names:
            yield from (operation["operationId"] for operation in operations.values())
