"""Which page of a long list an address asks for."""


def page_number(text: str, otherwise: int = 1) -> int:
    """Return the number that stands in an address; ``otherwise`` for what is none."""
    is_number = text.isascii() and text.isdigit() and 0 < len(text) < 10
    return int(text) if is_number and int(text) else otherwise


def page_count(total: int, per_page: int) -> int:
    """Return how many pages a list has; an empty one has one."""
    return max(1, -(-total // per_page))
