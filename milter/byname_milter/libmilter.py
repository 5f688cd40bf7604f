"""libmilter's registration, through pymilter: which events are asked for and where they go."""

import threading
from collections.abc import Callable

import Milter
import structlog

_ACTIONS = Milter.ADDHDRS | Milter.CHGHDRS | Milter.ADDRCPT | Milter.ADDRCPT_PAR | Milter.DELRCPT


def register(name: str, open_session: Callable[[], Milter.Base]) -> None:
    """Tell libmilter what this filter does. ``open_session`` is called once per SMTP connection.

    The exception policy is TEMPFAIL and no setting changes it: with CONTINUE a bug would queue mail unchecked (FACTS).
    """
    Milter.factory = open_session
    Milter.set_exception_policy(Milter.TEMPFAIL)
    Milter.set_flags(_ACTIONS)
    Milter.set_connect_callback(Milter.connect_callback)
    Milter.set_envfrom_callback(lambda ctx, *arguments: ctx.getpriv().envfrom_bytes(*arguments))
    Milter.set_envrcpt_callback(lambda ctx, *arguments: ctx.getpriv().envrcpt_bytes(*arguments))
    Milter.set_header_callback(lambda ctx, field, value: ctx.getpriv().header(field, value))  # it takes bytes
    Milter.set_eoh_callback(lambda ctx: ctx.getpriv().eoh())
    Milter.set_eom_callback(lambda ctx: ctx.getpriv().eom())
    Milter.set_abort_callback(lambda ctx: ctx.getpriv().abort())
    Milter.set_close_callback(Milter.close_callback)
    Milter.register(name, negotiate=Milter.negotiate_callback)


class LibmilterThread(threading.Thread):
    """libmilter's main loop, in a thread that is not the main one, so that Python's signal handlers work (FACTS)."""

    def __init__(self, at_end: Callable[[], None]) -> None:
        super().__init__(name="libmilter", daemon=True)
        self._at_end = at_end
        self.failed = False  # ended by itself, not by Milter.stop or a signal

    def run(self) -> None:
        """Handle events until libmilter stops."""
        try:
            Milter.main()
        except Milter.error as error:
            self.failed = True
            structlog.get_logger().error("libmilter-failed", reason=str(error))
        finally:
            self._at_end()
