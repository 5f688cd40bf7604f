"""What programs that send mail ask about, on the wire."""

from pydantic import Field

from admin_api.http.models import Out


class Identity(Out):
    """An address that a mailbox may send as."""

    address: str = Field(examples=["sales@brand-b.com"])
    local_part: str = Field(examples=["sales"])
    domain: str = Field(description="A-labels.", examples=["brand-b.com"])
    display_name: str = Field(description="Of the mailbox.", examples=["John Doe"])
    is_primary: bool = Field(description="The mailbox itself.", examples=[False])


class Identities(Out):
    """All of them, the mailbox first; none while it may not send at all."""

    data: list[Identity]
