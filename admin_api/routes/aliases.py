"""``/mailboxes/{id}/aliases``: further names of a mailbox."""

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.guard import GuardedRoute, needs
from admin_api.schemas.aliases import Alias, AliasChange, AliasesOfMailbox, NewAlias, Usage
from admin_api.schemas.common import Answer, PathId
from admin_api.work import Change, Read
from store.services import aliases, mailboxes
from store.services.views import Alias as AliasView
from store.sql.database import Transaction

router = APIRouter(route_class=GuardedRoute, tags=["aliases"])

_ALL = "/mailboxes/{mailbox_id:id}/aliases"
_ONE = f"{_ALL}/{{alias_id:id}}"
_READ, _WRITE = "aliases:read", "aliases:write"

NEW_NAME = ("domain-not-yours", "invalid-local-part", "address-reserved", "domain-not-active", "address-taken")
LIMITS = ("alias-limit-reached", "trial-limit-reached", "feature-not-available")


@router.post(
    _ALL,
    **needs(
        _WRITE,
        changes=True,
        codes=("not-found", *NEW_NAME, *LIMITS),
        status_code=201,
        response_model=Answer[Alias],
    ),
)
def create_alias(work: Change, mailbox_id: PathId, body: NewAlias) -> Response:
    """Give a mailbox another name, on any active domain of its account.

    Checked in this order: the mailbox, the domain, the name, system names, the domain's state, whether the name is
    free, the plan's limit.
    """
    return work.create(
        lambda tx: _answer(
            aliases.create(
                tx,
                body.local_part,
                body.domain_id,
                mailbox_id,
                can_receive=body.can_receive,
                can_send=body.can_send,
                note=body.note,
                system_names=work.site.system_names,
            )
        )
    )


@router.get(_ALL, **needs(_READ, codes=("not-found",), response_model=AliasesOfMailbox))
def list_aliases(work: Read, mailbox_id: PathId) -> Response:
    """Return all aliases of a mailbox, its own address, and how many it may have."""

    def read(tx: Transaction) -> AliasesOfMailbox:
        return AliasesOfMailbox(
            primary_address=mailboxes.get(tx, mailbox_id).address,
            data=[Alias.of(found) for found in aliases.list_all(tx, mailbox=mailbox_id)],
            usage=Usage.of(aliases.usage(tx, mailbox_id)),
        )

    return work.answer(read)


@router.get(_ONE, **needs(_READ, codes=("not-found",), response_model=Answer[Alias]))
def get_alias(work: Read, mailbox_id: PathId, alias_id: PathId) -> Response:
    """Return one alias of a mailbox."""
    return work.answer(lambda tx: _answer(aliases.get(tx, alias_id, mailbox=mailbox_id)))


@router.patch(
    _ONE, **needs(_WRITE, changes=True, codes=("not-found", "alias-not-renamable"), response_model=Answer[Alias])
)
def change_alias(work: Change, mailbox_id: PathId, alias_id: PathId, body: AliasChange) -> Response:
    """Say what an alias may do, disable or enable it, change its note. Its address cannot be changed."""
    return work.change(lambda tx: _answer(aliases.update(tx, alias_id, mailbox=mailbox_id, **body.given())))


@router.delete(_ONE, **needs(_WRITE, changes=True, codes=("not-found",), status_code=204))
def delete_alias(work: Change, mailbox_id: PathId, alias_id: PathId) -> Response:
    """Delete an alias. Its name is free at once."""
    return work.remove(lambda tx: aliases.remove(tx, alias_id, mailbox=mailbox_id))


def _answer(found: AliasView) -> Answer[Alias]:
    return Answer[Alias](data=Alias.of(found))
