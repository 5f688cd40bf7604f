"""Names of header fields that are not UTF-8, which pymilter 1.0.5 decodes strictly, in C, before it calls anybody.

Its ``Py_BuildValue("s")`` then raises where no callback can catch it, and libmilter, told TEMPFAIL about an event that
takes no answer, answers nothing any more until the next MAIL (``sendreply`` and ``mi_engine`` in its ``engine.c``): the
MTA waits for its timeout. So the bytes are kept as surrogates, and the callback sees a name that it can refuse.
"""

import codecs
import sys
from collections.abc import Callable

_Handler = Callable[[UnicodeError], tuple[str | bytes, int]]


def keep_undecodable_names() -> None:
    """Let C code that no Python code called decode as with ``surrogateescape``; everybody else stays strict.

    libmilter calls pymilter from threads of its own, so a decoding that fails there has no Python frame above it.
    """
    strict, lenient = codecs.lookup_error("strict"), codecs.lookup_error("surrogateescape")
    codecs.register_error("strict", _only_below_python(strict, lenient))


def _only_below_python(strict: _Handler, lenient: _Handler) -> _Handler:
    def handle(error: UnicodeError) -> tuple[str | bytes, int]:
        try:
            sys._getframe(1)
        except ValueError:  # the call stack ends here
            return lenient(error)
        return strict(error)

    return handle
