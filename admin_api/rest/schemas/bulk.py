"""Many changes of aliases in one call, on the wire."""

from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from admin_api.http.models import Body, GivenMoment, Id, LocalPart, Out, unsent
from admin_api.rest.schemas.aliases import Alias, IdleDays, Mails, NewSenders, Note, as_arguments, everyones
from store.services import views
from store.services.bulk.bulk_call import MOST_ITEMS, Item, ItemResult
from store.services.expiry import FIELDS

_SWITCHES = frozenset({"can_receive", "can_send", "is_active", "note", "senders", *FIELDS})
_NEVER: Any = Field(default=None, description="Only to be refused: an alias cannot be renamed.")


class _ItemBody(Body):
    """What all items have."""

    mailbox_id: Id

    def switches(self) -> dict[str, Any]:
        """Return what was sent of what an alias may do."""
        return as_arguments({name: value for name, value in self.given().items() if name in _SWITCHES})


class CreateItem(_ItemBody):
    """An alias to be made."""

    op: Literal["create"]
    domain_id: Id
    local_part: LocalPart
    can_receive: bool = True
    can_send: bool = False
    is_active: bool = True
    note: Note | None = None
    senders: NewSenders = everyones()
    expires_at: GivenMoment | None = None
    expires_after: Mails | None = None
    expires_when_idle: IdleDays | None = None

    def item(self) -> Item:
        """Return it as the service takes it."""
        return Item(self.op, self.mailbox_id, self.switches(), domain_id=self.domain_id, local_part=self.local_part)


class UpdateItem(_ItemBody):
    """An alias of the mailbox to be changed; what is left out stays."""

    op: Literal["update"]
    alias_id: Id
    can_receive: bool = unsent()
    can_send: bool = unsent()
    is_active: bool = unsent()
    note: Note | None = unsent()
    senders: NewSenders = unsent()
    expires_at: GivenMoment | None = unsent()
    expires_after: Mails | None = unsent()
    expires_when_idle: IdleDays | None = unsent()
    domain_id: Any = _NEVER
    local_part: Any = _NEVER

    def item(self) -> Item:
        """Return it as the service takes it."""
        renames = bool({"domain_id", "local_part"} & self.model_fields_set)
        return Item(self.op, self.mailbox_id, self.switches(), alias_id=self.alias_id, renames=renames)


class DeleteItem(_ItemBody):
    """An alias of the mailbox to be deleted."""

    op: Literal["delete"]
    alias_id: Id

    def item(self) -> Item:
        """Return it as the service takes it."""
        return Item(self.op, self.mailbox_id, {}, alias_id=self.alias_id)


AnyItem = Annotated[CreateItem | UpdateItem | DeleteItem, Field(discriminator="op")]


class Bulk(Body):
    """Changes, made in the order given."""

    items: list[AnyItem] = Field(max_length=MOST_ITEMS)
    dry_run: bool = Field(default=False, description="Check everything, keep nothing.")
    atomic: bool = Field(
        default=True,
        description="All or none: the first item that is refused refuses the whole call. false: each for itself.",
    )


class Result(Out):
    """What became of an item."""

    index: int = Field(ge=0, description="Of the item, from 0.", examples=[0])
    status: Literal["created", "updated", "deleted", "failed"]
    code: str | None = Field(description="Why it failed.", examples=["address-taken"])
    detail: str | None = Field(examples=["sales@brand-b.com is taken already"])
    alias: Alias | None = Field(description="As it is now; null when it is gone, failed or was only checked.")
    rules: list[Id] = Field(description="Filter rules that name the alias, which takes no more mail now.")


class BulkResults(Out):
    """What became of all items, in the order given."""

    results: list[Result]


def as_answer(results: list[ItemResult]) -> str:
    """Return the service's results as ``Answer[BulkResults]`` has them in JSON.

    From the views themselves: to make models of a thousand results takes four times as long.
    """
    return f'{{"data":{{"results":{_RESULTS.dump_json(results, exclude=_UNTOLD).decode()}}}}}'


_RESULTS = TypeAdapter(list[ItemResult])
_UNTOLD = {"__all__": {"alias": {field.name for field in fields(views.Alias)} - Alias.model_fields.keys()}}
