"""What the commands for domains share: the columns of a domain, and the argument that names one."""

from typing import TYPE_CHECKING, Annotated

import typer

from byname.listing import Columns

if TYPE_CHECKING:
    from store.services.views import Domain

COLUMNS: "Columns[Domain]" = {
    "domain": lambda domain: domain.unicode_name,
    "account": lambda domain: domain.account,
    "status": lambda domain: domain.status,
    "proof": lambda domain: _proof(domain),
    "catch-all": lambda domain: domain.catch_all.destination if domain.catch_all.enabled else None,
    "system": lambda domain: domain.system_mailbox,
}

Name = Annotated[str, typer.Argument(metavar="NAME", help="The domain, in Unicode or as xn-- labels.")]


def _proof(domain: "Domain") -> str | None:
    """Return how a domain's proof by DNS stands, in one word, so that columns can be counted."""
    proof = domain.proof
    if domain.proof_lapsed:
        return "lapsed"
    if domain.verified_at is None:
        return "parked" if proof.parked_at else None
    if proof.warned_at is not None:
        return "missing"
    return "in-dns" if proof.seen_at else "vouched"  # by the operator
