"""What a milter process decides with: replaced as a whole when settings are read again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from byname_milter.handovers import Handovers
from conf.map_file import Listed
from routing.directory import Directory
from routing.lookalike import Skeleton
from routing.people import NameKey
from routing.policy import Policy
from store.counting.tally import Tally


@dataclass(frozen=True, slots=True)
class Site:
    """The knowledge and the settings behind every decision."""

    directory: Directory
    policy: Policy
    delivery: Literal["milter", "agent"]  # who writes Delivered-To (docs/design.md, section 5)
    monitor: bool = False  # sender refusals are logged and counted, not made (``[milter] mode``)
    strips: bool = True  # False: the LMTP edge removes Delivered-To fields of strangers from the copies that stay here
    trace_key: bytes | None = None  # vouches for our own Delivered-To fields (routing.trace); None: nothing does
    name_key: NameKey | None = None  # finds people by their names; None: local parts only
    skeleton: Skeleton | None = None  # finds look-alikes of domains; None: that check is off
    handovers: Handovers | None = None  # of the Message API; None: this process takes none
    counts: Tally | None = None  # of mails to aliases; None: nothing is counted
    counts_accepted: bool = True  # False: the LMTP edge counts those that it has delivered
    listed: Callable[[str], Listed] | None = None  # what Postfix's file of domains may have; None: it has none
    max_age: float = 1.0  # seconds after which a decision is made again at end of message
    wall_clock: Callable[[], float] = time.time  # the moment of a decision: aliases expire
