"""The inbound role: mail from outside. Recipients are decided; a claimed sender only where a setting asks for it.

The two sessions are siblings, not one the child of the other: pymilter keeps the set of events that a class asks for
in an attribute of the class, and a child would take over that of a parent that was in use before it.
"""

import Milter

from byname_milter.callbacks import trapped
from byname_milter.envelope import envelope_address
from byname_milter.session import Session
from routing.address import AddressSyntaxError
from routing.guard import plain_name
from routing.sender import Role
from routing.spoof import MOST_CLAIMS, claimed_addresses, judge_claims
from routing.verdicts import Defer, Reject


class _Inbound(Session):
    """The envelope sender may not be in one of our domains, if ``[senders] inbound_spoof`` says so."""

    role = Role.INBOUND

    def judge_sender(self, sender: str) -> Reject | Defer | None:
        """MAIL: by default any sender will do."""
        if self.site.policy.inbound_spoof == "off":
            return None
        try:
            address = envelope_address(sender, self.macro("{mail_addr}"))
        except AddressSyntaxError:
            return None  # it names no domain of ours that a reader would see
        return judge_claims(self.site.directory, [address] if address else [])


@Milter.header_leading_space
class InboundSession(_Inbound):
    """Outside mail whose header nobody asks for (``inbound_spoof = "off"`` and ``"envelope"``)."""


@Milter.header_leading_space
class InboundHeaderSession(_Inbound):
    """The header From may not either (``inbound_spoof = "header"``)."""

    def keep_field(self, name: str, value: bytes) -> None:
        """Collect the addresses of From fields, in any spelling of the name."""
        if plain_name(name) == "from" and len(self.message.claimed) <= MOST_CLAIMS:
            self.message.claimed += claimed_addresses(value)

    @trapped
    def eoh(self) -> int:
        """End of the header: no outside mail shows an author of ours."""
        if self.message.broken:
            return Milter.TEMPFAIL
        refusal = judge_claims(self.site.directory, self.message.claimed)
        return self.enforce("header", refusal, sender=str(self.message.claimed[0]) if self.message.claimed else "")
