"""What aliases can be brought in from: files by their format, and the database of a running PostfixAdmin."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import IO

from store.sql import foreign
from store.transfer.alias_services import read_addy, read_simplelogin
from store.transfer.csv_file import read_csv
from store.transfer.lines import Line
from store.transfer.mailcow import read_mailcow
from store.transfer.postfixadmin import read_dump, read_rows, table_of
from store.transfer.virtual_file import read_virtual

__all__ = ["FORMATS", "FOR_ONE_MAILBOX", "from_postfixadmin", "is_url"]

is_url = foreign.is_url

FORMATS: Mapping[str, Callable[[IO[bytes]], Iterator[Line]]] = MappingProxyType(
    {
        "csv": read_csv,
        "postfix-virtual": read_virtual,
        "postfixadmin": read_dump,
        "mailcow": read_mailcow,
        "simplelogin": read_simplelogin,
        "addy": read_addy,
    }
)

# Formats whose mailboxes are elsewhere: the one that is meant here can be named for the whole file.
FOR_ONE_MAILBOX: Mapping[str, Callable[[IO[bytes], str | None], Iterator[Line]]] = MappingProxyType(
    {"simplelogin": read_simplelogin, "addy": read_addy}
)


def from_postfixadmin(url: str) -> Iterator[Line]:
    """Return what the rows of a running PostfixAdmin say; nothing is changed there.

    Raises:
        StoreNotReady, StoreUnavailable: as :func:`store.sql.foreign.rows`.
    """
    return read_rows(foreign.rows(url, table_of))
