"""What a site's rules may be, and what it takes to write them down as a script."""

from dataclasses import dataclass

from routing.address import Address

ANYWHERE = "*"  # among the targets of forwarding


@dataclass(frozen=True, slots=True)
class FilterPolicy:
    """How much a mailbox may have, what its mail store puts between folders, and where rules may forward to."""

    max_rules: int = 200
    max_conditions: int = 20  # of a rule
    max_actions: int = 10  # of a rule
    max_script_bytes: int = 262_144
    separator: str = "."  # between folders, as the mail store has it
    delimiter: str = "+"  # what begins a detail; empty: there are none
    forward: frozenset[str] = frozenset()  # addresses and domains, canonical, or ANYWHERE
    installs: bool = False  # there is a server that takes the scripts

    def lets_out(self, target: Address) -> bool:
        """Tell whether rules may forward to an address that is none of the account's own."""
        return not self.forward.isdisjoint({ANYWHERE, target.domain, str(target)})
