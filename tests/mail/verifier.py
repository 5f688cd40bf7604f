"""A milter that stands before Byname and says what DMARC found, as OpenDMARC or Rspamd would.

``python -m tests.mail.verifier SOCKET``. What DNS would tell it stands in a field of the message: ``X-Dmarc: pass
shop.test``; without one it says nothing, as a verifier that is down. ``X-At`` is the place where it inserts its result.
"""

import sys
from typing import Any

import Milter as Pymilter

from tests.unit.sender_cases import MX

Milter: Any = Pymilter  # its whole, of which milter/typings has what Byname uses


class Verifier(Milter.Base):  # type: ignore[misc]
    """One connection."""

    def envfrom(self, _sender: str, *_: str) -> int:
        self.found, self.at = "", 0
        return int(Milter.CONTINUE)

    def header(self, name: str, value: str) -> int:
        if name == "X-Dmarc":
            self.found = value
        elif name == "X-At":
            self.at = int(value)
        return int(Milter.CONTINUE)

    def eom(self) -> int:
        result, _, domain = self.found.partition(" ")
        if result:
            self.addheader("Authentication-Results", f"{MX}; dmarc={result} (p=none) header.from={domain}", self.at)
        return int(Milter.CONTINUE)


if __name__ == "__main__":
    Milter.factory = Verifier
    Milter.set_flags(Milter.ADDHDRS)
    Milter.runmilter("verifier", sys.argv[1], 60)
