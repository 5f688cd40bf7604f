"""The inbound role: mail from outside. Recipients are decided; a claimed sender only where a setting asks for it."""

from typing import ClassVar

import Milter

from byname_milter.envelope import envelope_address
from byname_milter.form import judge_form
from byname_milter.mta import macro
from byname_milter.session import Session
from routing.address import AddressSyntaxError
from routing.guard import plain_name, refused
from routing.limits import MOST_FROM_OCTETS
from routing.sender import Role
from routing.spoof import MOST_CLAIMS, claimed_addresses, judge_claims
from routing.verdicts import Defer, Reject


class InboundSession(Session):
    """Outside mail whose header nobody asks for (``inbound_spoof = "off"`` and ``"envelope"``)."""

    role = Role.INBOUND

    def judge_sender(self, sender: str) -> Reject | Defer | None:
        """MAIL: by default any sender will do."""
        if self.site.policy.inbound_spoof == "off":
            return None
        try:
            address = envelope_address(sender, macro(self.mta, "{mail_addr}"))
        except AddressSyntaxError:
            return None  # it names no domain of ours that a reader would see
        return judge_claims(self.site.directory, [address] if address else [])


class InboundHeaderSession(InboundSession):
    """The header From may not be in one of our domains either (``inbound_spoof = "header"``)."""

    wants_end_of_header: ClassVar[bool] = True

    @property
    def wants_header(self) -> bool:
        """Always: it shows who is claimed."""
        return True

    def header(self, name: str, value: bytes) -> None:
        """Collect the addresses of From fields, in any spelling of the name."""
        super().header(name, value)
        if plain_name(name) != "from" or len(self.message.claimed) > MOST_CLAIMS:
            return
        self.message.from_octets += len(value)
        if self.message.from_octets <= MOST_FROM_OCTETS:
            self.message.claimed += claimed_addresses(value)

    def end_of_header(self) -> int:
        """No outside mail shows an author of ours."""
        if self.message.broken:
            return Milter.TEMPFAIL
        if (form := judge_form(self.site, self.message)) is not None:
            return self.refuse("header", form)
        if self.message.from_octets > MOST_FROM_OCTETS:
            return self.refuse("header", refused("too-many-author-fields"))
        refusal = judge_claims(self.site.directory, self.message.claimed)
        return self.enforce("header", refusal, sender=str(self.message.claimed[0]) if self.message.claimed else "")
