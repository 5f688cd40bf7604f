"""What differs between versions of Postfix, as far as Byname minds. Pure.

Source: the release notes of 3.9 (smuggling) and 3.11 (milter_default_action), postconf(5).
"""

from byname.postfix.machine import Postfix

OLDEST = (3, 0)  # milters with options of their own

# What a Postfix does without a milter that is as good as 451: tempfail, and closing with 421 (the default of 3.11 on).
ACTIONS_THAT_DEFER = frozenset({"tempfail", "shutdown"})

# smtpd_forbid_bare_newline: the patch level since which each version can normalize; before it only "yes" is known.
_NORMALIZES_SINCE = {(3, 5): 24, (3, 6): 14, (3, 7): 10, (3, 8): 5}
_SAFE = frozenset({"normalize", "reject", "yes"})


def bare_newline(postfix: Postfix) -> tuple[str | None, frozenset[str]]:
    """Return the best value of smtpd_forbid_bare_newline and all good ones; None where the version does not know it."""
    if not postfix.knows("smtpd_forbid_bare_newline"):
        return None, frozenset()
    first, last = postfix.version[:2], postfix.version[2] if len(postfix.version) > 2 else 0
    knows_best = first >= (3, 9) or last >= _NORMALIZES_SINCE.get((first[0], first[1]), 1000)
    return ("normalize" if knows_best else "yes"), _SAFE


def forbids_pipelining(postfix: Postfix) -> bool:
    """Return whether talk ahead of time ends a session."""
    return postfix.value("smtpd_forbid_unauth_pipelining") == "yes"
