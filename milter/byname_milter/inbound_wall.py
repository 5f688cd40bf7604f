"""The inbound role with the checks that a site may add: look-alikes of the recipient's domain, names of colleagues."""

from typing import Any

import Milter

from byname_milter.actions import insert_on_top
from byname_milter.inbound import InboundHeaderSession
from routing.colleague import MOST_NAMES, NOTICE, VALUE, OutsideMail, Shown, is_colleague, shown_name
from routing.guard import plain_name
from routing.limits import MOST_NOTICES
from routing.lookalike import judge_lookalikes
from routing.replies import reply
from routing.verdicts import Deliver, Reject


class InboundWallSession(InboundHeaderSession):
    """Outside mail whose author is held against those it is written to."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._begin()

    def _begin(self) -> None:
        self._shown: list[Shown] = []
        self._values = self._notices = 0
        self._is_marked = False

    def mail(self, sender: str) -> int:
        """MAIL: nothing is known yet."""
        self._begin()
        return super().mail(sender)

    def header(self, name: str, value: bytes) -> None:
        """Collect addresses and names of From fields, and count the marks that only we may set."""
        super().header(name, value)
        plain = plain_name(name)
        self._notices += plain == NOTICE.lower()
        if plain == "from" and self._values < MOST_NAMES:
            self._values += 1
            self._shown += filter(None, [shown_name(value, self.site.name_key)])

    def end_of_header(self) -> int:
        """Refuse senders of ours and look-alikes, as far as the settings say; see whether a mark is due."""
        policy = self.site.policy
        if policy.inbound_spoof in {"header", "lookalike"}:
            answer = super().end_of_header()
            if answer != Milter.CONTINUE:
                return answer
        if policy.colleague_names == "mark":
            if self._notices > MOST_NOTICES:
                return self.refuse("header", Reject(reply("too-many-notices"), "too-many-notices"))
            self._is_marked = self._shows_colleague()
        return self._judge_lookalikes() if policy.inbound_spoof == "lookalike" else Milter.CONTINUE

    def end_of_message(self) -> int:
        """Set the mark, and take away what looks like one."""
        is_ours = bool(self.message.hosted) and self.site.policy.colleague_names == "mark"
        answer = super().end_of_message()
        if is_ours and answer == Milter.CONTINUE:
            for ordinal in range(self._notices, 0, -1):
                self.mta.chgheader(NOTICE, ordinal, None)
            if self._is_marked:
                insert_on_top(self.mta, [(NOTICE, VALUE)])
        return answer

    def _tenants(self) -> set[str]:
        return {address.domain for address in self.message.names}

    def _judge_lookalikes(self) -> int:
        if self.site.skeleton is None or not self.message.claimed:
            return Milter.CONTINUE
        claimed = self.message.claimed
        refusal = judge_lookalikes(self.site.directory, claimed, self._tenants(), self.site.skeleton)
        return self.enforce("header", refusal, sender=str(claimed[0]))

    def _shows_colleague(self) -> bool:
        """Only where every copy goes to one account: a header shows in each, and says who works there."""
        message = self.message
        targets = {each.verdict.mailbox for each in message.accepted if isinstance(each.verdict, Deliver)}
        mail = OutsideMail(self._shown, message.claimed, self._tenants(), targets)
        return not message.leaves_too and is_colleague(self.site.directory, mail, self.site.wall_clock())
