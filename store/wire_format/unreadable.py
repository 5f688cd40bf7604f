"""What is said of a value that is not of this format."""


class Unreadable(Exception):
    """A value that is missing where there must be one, of an unknown format, or damaged: no evidence."""
