"""``/mailboxes/{id}/aliases``: further names of a mailbox."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer, PathId
from admin_api.rest.calls import Change, Read, respond
from admin_api.rest.schemas.aliases import Alias, AliasChange, AliasesOfMailbox, Blocked, NewAlias, Usage
from store.services import aliases, mailboxes, sender_lists
from store.services.filters.naming import naming_alias
from store.services.filters.views import NamingRule

router = APIRouter(route_class=GuardedRoute, tags=["aliases"])

RULES = "Byname-Rules"

_ALL = "/mailboxes/{mailbox_id:id}/aliases"
_ONE = f"{_ALL}/{{alias_id:id}}"
_READ, _WRITE = "aliases:read", "aliases:write"

NEW_NAME = (
    "domain-not-yours", "invalid-local-part", "address-reserved", "domain-not-active", "address-taken", "address-kept",
)  # fmt: skip
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
def create_alias(call: Change, mailbox_id: PathId, body: NewAlias) -> Response:
    """Give a mailbox another name, on any active domain of its account.

    Checked in this order: the mailbox, the domain, the name, system names, the domain's state, whether the name is
    free, the plan's limit. A name that was deleted from this very mailbox and is kept is free for it.
    """
    senders = body.senders.value()
    sender_lists.check_verifier(senders, call.site.explaining.policy.authserv_ids)
    with call.begin() as tx:
        made = aliases.create(
            tx,
            body.local_part,
            body.domain_id,
            mailbox_id,
            can_receive=body.can_receive,
            can_send=body.can_send,
            note=body.note,
            senders=senders,
            expires_at=body.expires_at,
            expires_after=body.expires_after,
            expires_when_idle=body.expires_when_idle,
            system_names=call.site.system_names,
        )
        call.answer(Answer[Alias](data=Alias.of(made)), 201)
    return call.response()


@router.get(_ALL, **needs(_READ, codes=("not-found",), response_model=AliasesOfMailbox))
def list_aliases(call: Read, mailbox_id: PathId) -> Response:
    """Return all aliases of a mailbox, its own address, and how many it may have."""
    with call.begin() as tx:
        found = AliasesOfMailbox(
            primary_address=mailboxes.get(tx, mailbox_id).address,
            data=[Alias.of(alias) for alias in aliases.list_all(tx, mailbox=mailbox_id)],
            usage=Usage.of(aliases.usage(tx, mailbox_id)),
        )
    return respond(found)


@router.get(_ONE, **needs(_READ, codes=("not-found",), response_model=Answer[Alias]))
def get_alias(call: Read, mailbox_id: PathId, alias_id: PathId) -> Response:
    """Return one alias of a mailbox."""
    with call.begin() as tx:
        found = aliases.get(tx, alias_id, mailbox=mailbox_id)
    return respond(Answer[Alias](data=Alias.of(found)))


@router.patch(
    _ONE, **needs(_WRITE, changes=True, codes=("not-found", "alias-not-renamable"), response_model=Answer[Alias])
)
def change_alias(call: Change, mailbox_id: PathId, alias_id: PathId, body: AliasChange) -> Response:
    """Say what an alias may do, until when and from whom, disable or enable it, change its note.

    `null` lifts an end. Whenever `expires_when_idle` is sent, its days begin anew.

    Its address cannot be changed. When it takes no more mail, `Byname-Rules` holds the ids of the rules that name it.
    """
    given = body.given()
    sender_lists.check_verifier(given.get("senders"), call.site.explaining.policy.authserv_ids)
    with call.begin() as tx:
        changed = aliases.update(tx, alias_id, mailbox=mailbox_id, **given)
        named = naming_alias(tx, alias_id) if False in {given.get("is_active"), given.get("can_receive")} else []
        call.answer(Answer[Alias](data=Alias.of(changed)))
    return _naming(call.response(), named)


@router.post(f"{_ONE}/senders:block", **needs(_WRITE, changes=True, codes=("not-found",), response_model=Answer[Alias]))
def block_sender(call: Change, mailbox_id: PathId, alias_id: PathId, body: Blocked) -> Response:
    """Take no more mail from a sender: he joins those excepted, or leaves those listed.

    Repeating it changes nothing.
    """
    with call.begin() as tx:
        changed = aliases.block(tx, alias_id, body.sender, mailbox=mailbox_id)
        call.answer(Answer[Alias](data=Alias.of(changed)))
    return call.response()


@router.delete(_ONE, **needs(_WRITE, changes=True, codes=("not-found",), status_code=204))
def delete_alias(call: Change, mailbox_id: PathId, alias_id: PathId) -> Response:
    """Delete an alias; `Byname-Rules` holds the ids of the rules that name it.

    Its name is free at once, or kept from other mailboxes for as many days as the account's `keep_deleted_days` says.
    """
    with call.begin() as tx:
        named = naming_alias(tx, alias_id, mailbox=mailbox_id)
        aliases.remove(tx, alias_id, mailbox=mailbox_id)
    return _naming(call.response(), named)


def _naming(response: Response, rules: Sequence[NamingRule]) -> Response:
    if rules:
        response.headers[RULES] = ", ".join(str(rule.id) for rule in rules)
    return response
