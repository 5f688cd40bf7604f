"""The submission role with the checks that a site may add: forged trust in the header, invitations in the body.

Both are off by default (``[senders] forged_trust``, ``foreign_organizer``). The body is asked of the MTA only for the
second, and only until it is clear that no part of it matters.
"""

import time
from typing import Any

import Milter

from byname_milter.submission import SubmissionSession
from routing.calendar import Invitations, judge_invitations
from routing.guard import plain_name
from routing.mime_parts import MimeParts
from routing.policy import Switch
from routing.trust import TrustClaims, forged, judge_trust
from routing.verdicts import Defer, Reject


class SubmissionWallSession(SubmissionSession):
    """What a logged-in sender claims besides an author."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.wants_body = self.site.policy.foreign_organizer != "off"
        self._begin()

    def _begin(self) -> None:
        self._claims = TrustClaims(self.site.policy.authserv_ids)
        self._invitations = Invitations()
        self._parts = MimeParts(self._invitations.reader_for)

    def mail(self, sender: str) -> int:
        """MAIL: nothing is claimed yet."""
        answer = super().mail(sender)
        self._begin()
        return answer

    def header(self, name: str, value: bytes) -> None:
        """Keep what is claimed, and what says how the body is made."""
        super().header(name, value)
        self._claims.add(name, value)
        plain = plain_name(name)
        if self.wants_body and plain.startswith("content-"):
            self._parts.feed(plain.encode("ascii") + b":" + value + b"\r\n")

    def end_of_header(self) -> int:
        """Judge the author first, then what is claimed besides."""
        answer = super().end_of_header()
        if answer != Milter.CONTINUE:
            return answer
        if self.wants_body:
            self._parts.feed(b"\r\n")
        level = self.site.policy.forged_trust
        return self._at(level, None if level == "off" else self._judge_trust())

    def body(self, octets: bytes) -> int:
        """Read on while something may follow that matters."""
        self._parts.feed(octets)
        return Milter.SKIP if self._parts.is_over and self.can_skip else Milter.CONTINUE

    def end_of_message(self) -> int:
        """Judge the invitations before anything is changed."""
        level = self.site.policy.foreign_organizer
        if self.wants_body and level != "off" and not self.message.broken:
            answer = self._at(level, self._judge_invitations())
            if answer != Milter.CONTINUE:
                return answer
        return super().end_of_message()

    def _judge_trust(self) -> Reject | Defer | None:
        if self._claims.reason is None and self.message.trace_fields.judge(self.site.trace_key, time.time()).traces:
            return forged("forged-byname")
        site = self.site
        return judge_trust(site.directory, site.policy, self.message.login or "", self._claims, site.wall_clock())

    def _judge_invitations(self) -> Reject | Defer | None:
        self._parts.end()
        known = (self.site.directory, self.site.policy, self.message.login or "")
        return judge_invitations(*known, self._parts, self._invitations, self.site.wall_clock())

    def _at(self, level: Switch, refusal: Reject | Defer | None) -> int:
        """Refuse, or only log what would be refused."""
        if refusal is None:
            return Milter.CONTINUE
        sender = str(self.message.sender or "<>")
        if level == "refuse":
            return self.enforce("header", refusal, sender=sender)
        facts = {"sender": sender, "queue_id": self.queue_id, "login": self.message.login}
        self.decisions.would_refuse("header", refusal, **facts)
        return Milter.CONTINUE
