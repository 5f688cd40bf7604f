"""libmilter, through pymilter's C module: which events are asked for, and where they go.

pymilter's class ``Milter.Base`` is left aside: its wrappers cost as much as what they wrap, and it keeps the
events of a class in an attribute that a child class would find instead of its own.

Only what is used is asked for. No HELO (pymilter decodes its argument before anybody could catch anything), no DATA, no
unknown commands, a body only where a session wants one; header fields without an answer. The client's address comes as
a macro where the MTA lets a filter choose its macros (SMFIF_SETSYMLIST: Postfix 2.6, Sendmail 8.14), which spares the
event of the connection.
"""

import threading
import time
from collections.abc import Callable, Mapping

import Milter
import structlog

from byname_milter import callbacks
from byname_milter.field_names import keep_undecodable_names
from byname_milter.mta import Mta
from byname_milter.session import Session
from conf.placement import on_one_processor

_MOMENT = 1.0  # seconds

_ACTIONS = Milter.ADDHDRS | Milter.CHGHDRS | Milter.ADDRCPT | Milter.ADDRCPT_PAR | Milter.DELRCPT
_UNUSED = Milter.P_NOHELO | Milter.P_NODATA | Milter.P_NOUNKNOWN
_MANNERS = Milter.P_NR_HDR | Milter.P_HDR_LEADSPC  # no answer to a field; its value as it stands, blanks included
_MACROS: Mapping[int, tuple[str, ...]] = {
    Milter.M_ENVFROM: ("{auth_authen}", "{mail_addr}", "{client_addr}", "i"),
    Milter.M_ENVRCPT: ("{rcpt_addr}", "i"),
    Milter.M_EOH: ("i",),
    Milter.M_EOM: ("i",),
}


OpenSession = Callable[[Mta], Session]


def register(name: str, open_session: OpenSession) -> None:
    """Tell libmilter what this filter does. ``open_session`` is called once per SMTP connection.

    The exception policy is TEMPFAIL and no setting changes it: with CONTINUE a bug would queue mail unchecked
    (docs/facts.md, "Milter and Postfix").
    """
    keep_undecodable_names()
    Milter.set_exception_policy(Milter.TEMPFAIL)
    Milter.set_flags(_ACTIONS)
    Milter.set_connect_callback(callbacks.on_connect)
    Milter.set_envfrom_callback(callbacks.on_mail)
    Milter.set_envrcpt_callback(callbacks.on_rcpt)
    Milter.set_header_callback(callbacks.on_header)
    Milter.set_eoh_callback(callbacks.on_end_of_header)
    Milter.set_body_callback(callbacks.on_body)
    Milter.set_eom_callback(callbacks.on_end_of_message)
    Milter.set_abort_callback(callbacks.on_abort)
    Milter.set_close_callback(callbacks.on_close)
    Milter.register(name, negotiate=lambda mta, offer: negotiate(mta, offer, open_session))


def negotiate(mta: Mta, offer: list[int], open_session: OpenSession) -> int:
    """Open a session, and choose from what the MTA offers: [actions, steps, 0, 0]; what is chosen takes their place.

    An MTA that lacks an action is told so by libmilter, which then ends the connection: a temporary failure.
    """
    session = open_session(mta)
    session.sees_header = session.wants_header
    mta.setpriv(session)
    chooses = offer[0] & Milter.SETSYMLIST
    for stage, macros in _MACROS.items() if chooses else ():
        mta.setsymlist(stage, " ".join(macros))
    unused = _UNUSED | (Milter.P_NOCONNECT if chooses else 0) | _unwanted(session)
    steps = offer[1] & (unused | _MANNERS | (Milter.P_SKIP if session.wants_body else 0))
    session.can_skip = bool(steps & Milter.P_SKIP)
    session.after_field = Milter.NOREPLY if steps & Milter.P_NR_HDR else Milter.CONTINUE
    offer[:] = [_ACTIONS | chooses, steps, 0, 0]
    return Milter.CONTINUE


def _unwanted(session: Session) -> int:
    """Return the steps that this session can do without."""
    header = 0 if session.sees_header else Milter.P_NOHDRS
    end_of_header = 0 if session.wants_end_of_header else Milter.P_NOEOH
    return header | end_of_header | (0 if session.wants_body else Milter.P_NOBODY)


class LibmilterThread(threading.Thread):
    """libmilter's main loop, in a thread that is not the main one, so that Python's signal handlers work.

    Measured: docs/facts.md, "Milter and Postfix".
    """

    def __init__(self, role: str, at_end: Callable[[], None]) -> None:
        super().__init__(name="libmilter", daemon=True)
        self._at_end = at_end
        self._role = role
        self.failed = False  # ended by itself, not by Milter.stop or a signal

    def run(self) -> None:
        """Handle events until libmilter stops.

        libmilter's own signal thread may take a SIGTERM that comes while it starts, and then its listener now and then
        fails for want of the socket that was just closed (seen): an end within a moment was asked for. What else ends
        libmilter, an accept(2) that fails sixteen times with growing pauses, takes longer.
        """
        on_one_processor(self._role)
        started = time.monotonic()
        try:
            Milter.main()
        except Milter.error as error:
            self.failed = time.monotonic() - started > _MOMENT
            structlog.get_logger().warning("libmilter-failed", reason=str(error), is_stop=not self.failed)
        finally:
            self._at_end()
