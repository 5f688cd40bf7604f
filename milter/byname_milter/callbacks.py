"""What keeps an exception in a callback from deciding about mail."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import Milter
import structlog

_P = ParamSpec("_P")


class Fallible(Protocol):
    """A session that can be told that one of its callbacks failed."""

    def failed(self) -> None:
        """Note that the message in progress cannot be accepted any more."""
        ...


_S = TypeVar("_S", bound=Fallible)


def trapped(callback: Callable[Concatenate[_S, _P], int]) -> Callable[Concatenate[_S, _P], int]:
    """Turn an exception into a 451, with one logged traceback. It is a bug whenever this happens.

    pymilter's own policy says the same (TEMPFAIL, FACTS); this one also covers callbacks that give no reply.
    """

    @wraps(callback)
    def guarded(session: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> int:
        try:
            return callback(session, *args, **kwargs)
        except Exception:  # noqa: BLE001 - whatever it is, the mail must neither be lost nor pass unchecked
            structlog.get_logger().exception("untrapped-exception", callback=callback.__name__)
            session.failed()
            return Milter.TEMPFAIL

    return guarded


def quiet(callback: Callable[Concatenate[_S, _P], object]) -> Callable[Concatenate[_S, _P], int]:
    """Like :func:`trapped` for an event that takes no reply: always CONTINUE; the failure shows at end of message."""

    @wraps(callback)
    def guarded(session: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> int:
        try:
            callback(session, *args, **kwargs)
        except Exception:  # noqa: BLE001 - as above
            structlog.get_logger().exception("untrapped-exception", callback=callback.__name__)
            session.failed()
        return Milter.CONTINUE

    return guarded
