"""Which methods a path knows, for ``Allow`` (RFC 9110 section 10.2.1): the framework names those of one route only."""

import re
from collections.abc import Iterable

from starlette.routing import compile_path


def allowed(path: str, known: Iterable[tuple[str, str]]) -> list[str]:
    """Return the methods of ``path``, in upper case, HEAD wherever there is GET.

    Args:
        known: pairs of a path's pattern and a method.
    """
    found = {method.upper() for pattern, method in known if _matches(pattern, path)}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _matches(pattern: str, path: str) -> bool:
    return re.fullmatch(compile_path(pattern)[0].pattern, path) is not None
