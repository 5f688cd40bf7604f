"""What text a rule may hold: any character but those that end a line, or control something, or are half of one."""

import unicodedata

FORBIDDEN = "must not hold control characters or line breaks"
_FORBIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})  # categories: control, surrogate, separator of lines, of paragraphs


def is_plain(text: str) -> bool:
    """True for text on one line without control characters. What joins emoji is none."""
    return not any(unicodedata.category(char) in _FORBIDDEN for char in text)
