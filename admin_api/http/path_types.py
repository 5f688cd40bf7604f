"""Ids in paths: digits and nothing else, so that ``/mailboxes/7:pause`` is no ``/mailboxes/{id}``.

Importing this makes ``{name:id}`` known to Starlette, whose only place for it is a table of the process.
"""

from starlette.convertors import Convertor, register_url_convertor


class IdConvertor(Convertor[int]):
    """A positive integer of at most 19 digits, without leading zeros."""

    regex = "[1-9][0-9]{0,18}"

    def convert(self, value: str) -> int:
        """Return the number."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Return the digits."""
        return str(value)


register_url_convertor("id", IdConvertor())
