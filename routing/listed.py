"""Recipients whose domain the MTA takes for a hosted one, and the directory does not.

With ``[maps] export`` Postfix reads hosted domains from a file, which lags behind. What it takes for such a domain it
would have to bounce, so the milter answers for it.

| the list beside the file says | mail from outside | mail of a login |
|---|---|---|
| Postfix's file has the domain, or may have | 550 ``not-hosted``; under grace 451 | 451: soon it goes elsewhere |
| it had it until a while ago | 451 ``hosted-before`` | 451 |
| nothing can be learned | 451 | 451 |
| it does not have it | not ours | not ours |
"""

from routing.address import Address
from routing.replies import reply
from routing.sender import Role
from routing.verdicts import Defer, NotOurs, Reject


def judge_listed(address: Address, verdict: NotOurs, listed: str, role: Role) -> Reject | Defer | NotOurs:
    """Return what becomes of a recipient that is not ours. ``listed``: as conf.map_file calls it."""
    if listed == "not-listed":
        return verdict
    if listed == "listed" and role is Role.INBOUND and verdict.is_fresh:
        return Reject(reply("not-hosted", address=address), "not-hosted")
    return Defer(reply("hosted-before", address=address), "hosted-before")
