"""Operations of REST as values: what a door beside it needs to know to ask for the same thing in the same way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Path, Query
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from admin_api.http.guard import GuardedRoute, Rule

Parameters = Mapping[str, FieldInfo]  # by their names on the wire


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path: who may use it, what it takes, what it answers."""

    name: str
    method: str  # in upper case
    path: str  # with the names of ids in braces
    rule: Rule
    ids: Parameters  # of the path
    query: Parameters
    body: type[BaseModel] | None
    answer: Any  # a model; None: nothing is answered


def operations(routes: Iterable[GuardedRoute], prefix: str) -> dict[str, Operation]:
    """Return the operations of routes below ``prefix``, by their names in the description."""
    return {route.name: _operation(route, prefix) for route in routes}


def _operation(route: GuardedRoute, prefix: str) -> Operation:
    params = get_flat_params(route.dependant)
    (method,) = route.methods or ("GET",)
    return Operation(
        name=route.name,
        method=method,
        path=prefix + route.path_format,
        rule=route.rule,
        ids={param.alias: param.field_info for param in params if isinstance(param.field_info, Path)},
        query={param.alias: param.field_info for param in params if isinstance(param.field_info, Query)},
        body=None if route.body_field is None else cast("type[BaseModel]", route.body_field.field_info.annotation),
        answer=route.response_model,
    )
