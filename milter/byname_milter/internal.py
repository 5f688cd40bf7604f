"""The internal role: mail of the Message API, judged like any login's, and taken only with a key, each key once.

The listener lets no one log in with a password: the API says who sends (XCLIENT LOGIN), as any other program on that
machine could. What proves it is the field of :mod:`routing.handover`.
"""

import time

import Milter

from byname_milter.submission_wall import SubmissionWallSession
from routing.guard import plain_name
from routing.handover import HANDOVER, Claim, judge_handover
from routing.replies import reply
from routing.sender import Role, canonical_login
from routing.verdicts import Reject

_FIELD = HANDOVER.lower()


class InternalSession(SubmissionWallSession):
    """A message that the API hands over."""

    role = Role.INTERNAL

    def _begin(self) -> None:
        super()._begin()
        self._shown: list[str] = []

    def header(self, name: str, value: bytes) -> None:
        """Keep the hand-over; it is ours, so nothing else looks at it."""
        if plain_name(name) != _FIELD:
            super().header(name, value)
            return
        self.message.trace_fields.add(HANDOVER, value)
        if len(self._shown) < 2:  # two are one too many
            self._shown.append(value.decode("ascii", "replace").strip())

    def end_of_header(self) -> int:
        """The key first, then what every login's mail is asked. Not even monitor mode lets mail pass without a key."""
        if self.message.broken:
            return Milter.TEMPFAIL
        refusal = self._judge_handover()
        return super().end_of_header() if refusal is None else self.refuse("header", refusal)

    def end_of_message(self) -> int:
        """Take the key, and give it back when the message is refused after all."""
        if self.message.broken or self.site.handovers is None:
            return Milter.TEMPFAIL
        (value,) = self._shown
        used = self.site.handovers.take(value, self.queue_id)
        if used is not None:
            return self.refuse("end-of-message", Reject(reply("handover-used", reason=used), "handover-used"))
        is_taken = False
        try:
            answer = super().end_of_message()
            is_taken = answer == Milter.CONTINUE
        finally:
            if not is_taken:
                self.site.handovers.give_back(value)
        return answer

    def _judge_handover(self) -> Reject | None:
        known, login = self.site.handovers, canonical_login(self.site.policy, self.message.login or "")
        if known is None or len(self._shown) != 1 or self.message.sender is None or login is None:
            return Reject(reply("handover-missing", reason=HANDOVER), "handover-missing")
        claim = Claim(str(login), str(self.message.sender), self.message.trace_fields.message_id)
        slug, _ = judge_handover(known.key, claim, self._shown[0], time.time(), known.since)
        return Reject(reply(slug), slug) if slug else None
