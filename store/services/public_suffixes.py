"""The public suffix list: names below which anyone can register, such as co.uk (publicsuffix.org)."""

from functools import cache

from publicsuffixlist import PublicSuffixList

from store.errors import ServiceError


def refuse_public_suffix(name: str) -> None:
    """Refuse a canonical name that stands on the list. Raises ServiceError ``invalid-domain``."""
    if _list().is_public(name):
        raise ServiceError(
            "invalid-domain", f"{name} is a public suffix, below which others have their domains", field="name"
        )


@cache
def _list() -> PublicSuffixList:
    """Read the list that comes with the library, once."""
    return PublicSuffixList()
