"""From whom an alias takes mail: a fact of the directory, like its flags."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SenderRules:
    """Who may write to an alias. An alias that everyone may write to, authenticated or not, has none.

    Attributes:
        mode: ``listed``: only who is listed; ``except``: everyone but who is.
        entries: canonical addresses, domains as A-labels, and subdomains as ``.domain``.
        require_authenticated: only what an authentication result that is trusted says passed.
    """

    mode: Literal["listed", "except"]
    entries: tuple[str, ...] = ()
    require_authenticated: bool = False
