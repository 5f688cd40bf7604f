"""The names of the aliases that :mod:`bench.load.filling` makes, for processes that ask for them and import little."""

PER_PAIR = 1000  # aliases of a pair of domains


def alias(number: int, per_pair: int = PER_PAIR) -> str:
    """Return the address of an alias, by its number from 0."""
    pair, place = divmod(number, per_pair)
    return f"sales-{place}@{'brand' if place % 2 else 'company'}-{pair}.test"
