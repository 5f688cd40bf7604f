"""Domain names that people may take for other ones: a warning, never a refusal.

By Unicode's lists (UTS 39): labels that mix scripts, and labels of one other script whose every letter looks like a
Latin one.
"""

import unicodedata
from collections.abc import Iterator

from confusable_homoglyphs import categories  # type: ignore[import-untyped]

from routing.domain import unicode_domain
from store.wire_format.people import latin_twin

# Scripts that are written together (UTS 39 section 5.2, "highly restrictive").
_TOGETHER = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
_NEUTRAL = frozenset({"COMMON", "INHERITED", "UNKNOWN"})


def lookalikes(name: str) -> Iterator[str]:
    """Yield a sentence for each label of a canonical domain that may be taken for another."""
    shown = unicode_domain(name)
    for label in shown.split("."):
        if label.isascii():
            continue
        if len(scripts := _scripts(label)) > 1 and not any(scripts <= together for together in _TOGETHER):
            mixed = " and ".join(script.capitalize() for script in sorted(scripts))
            yield f"'{label}' mixes letters of {mixed}; people may take it for another name ({name})"
        elif twin := _latin_twin(label):
            yield f"'{label}' looks like '{twin}'; people may take one for the other ({name})"


def _scripts(label: str) -> frozenset[str]:
    return frozenset(_script(char) for char in label) - _NEUTRAL


def _script(char: str) -> str:
    script: str = categories.alias(char)
    return "HAN" if script == "CJK" else script


def _latin_twin(label: str) -> str | None:
    """Return what a label without Latin letters looks like in Latin ones, None when it does not."""
    if "LATIN" in _scripts(label):
        return None
    twins = [char if char.isascii() else latin_twin(char) for char in unicodedata.normalize("NFD", label)]
    return "".join(twin for twin in twins if twin) if all(twins) else None
