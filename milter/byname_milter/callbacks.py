"""libmilter's events become calls of a session's methods, and no exception in one of these decides about mail.

A session that fails answers 451 to the message, with one logged traceback: a bug, whenever it happens. pymilter's own
policy says the same (TEMPFAIL, docs/facts.md, "Milter and Postfix"); this also covers events that take no answer.
"""

from collections.abc import Callable
from typing import Any

import Milter
import structlog

from byname_milter.mta import Mta
from byname_milter.session import Session

Callback = Callable[..., int]


def answered(event: str, call: Callable[..., int]) -> Callback:
    """Return a callback for an event that the MTA waits for; ``call`` gets the session and the event's arguments."""

    def callback(mta: Mta, *arguments: Any) -> int:
        session: Session | None = mta.getpriv()
        if session is None:
            return Milter.TEMPFAIL  # nothing was negotiated: no MTA
        try:
            return call(session, *arguments)
        except Exception:  # noqa: BLE001 - whatever it is, the mail must neither be lost nor pass unchecked
            return _note_failure(session, event)

    return callback


def notified(event: str, call: Callable[..., None]) -> Callback:
    """The same for an event that decides nothing: always CONTINUE; a failure shows at end of message."""

    def callback(mta: Mta, *arguments: Any) -> int:
        session: Session | None = mta.getpriv()
        if session is None:
            return Milter.CONTINUE  # as above; what decides is refused
        try:
            call(session, *arguments)
        except Exception:  # noqa: BLE001 - as above
            _note_failure(session, event)
        return Milter.CONTINUE

    return callback


on_connect = notified("connect", lambda session, _name, _family, peer: session.connect(peer))
on_mail = answered("mail", lambda session, sender, *_: session.mail(_text(sender)))
on_rcpt = answered(
    "rcpt", lambda session, name, *parameters: session.rcpt(_text(name), [_text(each) for each in parameters])
)
on_end_of_header = answered("end-of-header", lambda session: session.end_of_header())
on_body = answered("body", lambda session, octets: session.body(octets))
on_end_of_message = answered("end-of-message", lambda session: session.end_of_message())
on_abort = notified("abort", lambda session: session.abort())


def on_header(mta: Mta, name: str, value: bytes) -> int:
    """Like one of ``notified``, with the session's own answer: there are as many of these as of all others together."""
    session: Session | None = mta.getpriv()
    if session is None:
        return Milter.TEMPFAIL
    try:
        session.header(name, value)
    except Exception:  # noqa: BLE001 - as above
        _note_failure(session, "header")
    return session.after_field


def on_close(mta: Mta) -> int:
    """The connection ended, perhaps before there was a session."""
    session = mta.getpriv()
    if session is not None:
        mta.setpriv(None)  # else the two would hold each other
        session.close()
    return Milter.CONTINUE


def _text(argument: bytes) -> str:
    """Return an argument with its bytes that are no UTF-8 kept as surrogates, for the syntax check to find."""
    return argument.decode("utf-8", "surrogateescape")


def _note_failure(session: Session, callback: str) -> int:
    structlog.get_logger().exception("untrapped-exception", callback=callback)
    session.failed()
    return Milter.TEMPFAIL
