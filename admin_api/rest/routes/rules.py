"""``/mailboxes/{id}/rules``: how a mailbox sorts its mail."""

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.filtering.trying import try_script
from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer, PathId
from admin_api.rest.calls import Change, ChangeCall, Read, ReadCall, respond
from admin_api.rest.schemas.rules import (
    Done,
    FilterRule,
    FilterScript,
    MessageToTry,
    NamingRule,
    NewRule,
    Order,
    RuleChange,
    RuleOrder,
    RuleReplacement,
    RulesOfMailbox,
    RuleUsage,
    WrittenScript,
)
from routing.filters.model import Rule
from store.errors import ServiceError
from store.services.filters import naming, rules, scripts
from store.services.scopes import ACCOUNT, MESSAGE, OPERATOR
from store.sql.database import Transaction

router = APIRouter(route_class=GuardedRoute, tags=["rules"])

_ALL = "/mailboxes/{mailbox_id:id}/rules"
_ONE = f"{_ALL}/{{rule_id:id}}"
_READ, _WRITE = "rules:read", "rules:write"
_KINDS = (ACCOUNT, MESSAGE, OPERATOR)


@router.get(_ALL, **needs(_READ, kinds=_KINDS, codes=("not-found",), response_model=RulesOfMailbox))
def list_rules(call: Read, mailbox_id: PathId) -> Response:
    """Return all rules of a mailbox in their order, and how far the script written from them has come."""
    _check_own(call, mailbox_id)
    with call.begin() as tx:
        return respond(_listing(call, tx, mailbox_id))


@router.post(
    _ALL,
    **needs(
        _WRITE,
        kinds=_KINDS,
        changes=True,
        codes=("not-found", "conflict"),
        status_code=201,
        response_model=Answer[FilterRule],
    ),
)
def create_rule(call: Change, mailbox_id: PathId, body: NewRule) -> Response:
    """Add a rule, as the last one or at a position. It runs as soon as the script is installed: see `script`."""
    _check_own(call, mailbox_id)
    given = body.fields()
    position = given.pop("position", None)
    rule = Rule(**{"name": body.name, "match_type": body.match_type, "actions": (), **given})
    with call.begin() as tx:
        made = rules.add(tx, mailbox_id, rule, call.site.filters, position=position)
        call.answer(Answer[FilterRule](data=FilterRule.of(made)), 201)
    return _answered(call)


@router.get(_ONE, **needs(_READ, kinds=_KINDS, codes=("not-found",), response_model=Answer[FilterRule]))
def get_rule(call: Read, mailbox_id: PathId, rule_id: PathId) -> Response:
    """Return one rule of a mailbox."""
    _check_own(call, mailbox_id)
    with call.begin() as tx:
        return respond(Answer[FilterRule](data=FilterRule.of(rules.get(tx, mailbox_id, rule_id))))


@router.patch(
    _ONE,
    **needs(_WRITE, kinds=_KINDS, changes=True, codes=("not-found", "conflict"), response_model=Answer[FilterRule]),
)
def change_rule(call: Change, mailbox_id: PathId, rule_id: PathId, body: RuleChange) -> Response:
    """Change fields of a rule; what is left out stays."""
    _check_own(call, mailbox_id)
    with call.begin() as tx:
        changed = rules.update(tx, mailbox_id, rule_id, call.site.filters, **body.fields())
        call.answer(Answer[FilterRule](data=FilterRule.of(changed)))
    return _answered(call)


@router.put(
    _ONE,
    **needs(_WRITE, kinds=_KINDS, changes=True, codes=("not-found", "conflict"), response_model=Answer[FilterRule]),
)
def replace_rule(call: Change, mailbox_id: PathId, rule_id: PathId, body: RuleReplacement) -> Response:
    """Give a rule other conditions and actions; name, match_type, stop and enabled stay where they are left out."""
    return change_rule(call, mailbox_id, rule_id, body)


@router.delete(_ONE, **needs(_WRITE, kinds=_KINDS, changes=True, codes=("not-found",), status_code=204))
def delete_rule(call: Change, mailbox_id: PathId, rule_id: PathId) -> Response:
    """Delete a rule."""
    _check_own(call, mailbox_id)
    with call.begin() as tx:
        rules.remove(tx, mailbox_id, rule_id)
    return _answered(call)


@router.post(
    f"{_ALL}:reorder",
    **needs(_WRITE, kinds=_KINDS, changes=True, codes=("not-found", "conflict"), response_model=RulesOfMailbox),
)
def reorder_rules(call: Change, mailbox_id: PathId, body: RuleOrder) -> Response:
    """Put the rules in another order. All must be named: 409 `conflict` when somebody changed them meanwhile."""
    return _reordered(call, mailbox_id, body.rule_ids, "rule_ids")


@router.patch(
    f"{_ALL}/reorder",
    **needs(_WRITE, kinds=_KINDS, changes=True, codes=("not-found", "conflict"), response_model=RulesOfMailbox),
)
def order_rules(call: Change, mailbox_id: PathId, body: Order) -> Response:
    """Put the rules in another order, as `:reorder` does."""
    return _reordered(call, mailbox_id, body.order, "order")


@router.get(f"{_ALL}:preview", **needs(_READ, kinds=_KINDS, codes=("not-found",), response_model=Answer[WrittenScript]))
def preview_script(call: Read, mailbox_id: PathId) -> Response:
    """Return the Sieve script as it is written from the rules now."""
    _check_own(call, mailbox_id)
    with call.begin() as tx:
        return respond(Answer[WrittenScript](data=WrittenScript.of(scripts.write(tx, mailbox_id, call.site.filters))))


@router.post(
    f"{_ALL}:test", **needs(_READ, kinds=_KINDS, codes=("not-found", "conflict"), response_model=Answer[list[Done]])
)
def try_rules(call: Read, mailbox_id: PathId, body: MessageToTry) -> Response:
    """Return what the rules do with a message; nothing is filed or sent.

    The owner's own script is left out. Where `sieve-test` is not installed, it is 503 `unavailable`.
    """
    _check_own(call, mailbox_id)
    with call.begin() as tx:
        script = scripts.write(tx, mailbox_id, call.site.filters, with_own=False)
    done = try_script(script.text, body.message.encode("utf-8", "replace"), call.site.filters.separator)
    return respond(Answer[list[Done]](data=[Done.of(one) for one in done]))


@router.post(
    f"{_ALL}:take-over",
    **needs(_WRITE, kinds=_KINDS, changes=True, codes=("not-found",), response_model=Answer[FilterScript]),
)
def take_over(call: Change, mailbox_id: PathId) -> Response:
    """Have the rules run, whatever script is active: that one is kept as it is, and runs after the rules."""
    _check_own(call, mailbox_id)
    with call.begin() as tx:
        call.answer(Answer[FilterScript](data=FilterScript.of(scripts.take_over(tx, mailbox_id, call.site.filters))))
    return _answered(call)


@router.post(
    f"{_ALL}:give-back",
    **needs(_WRITE, kinds=_KINDS, changes=True, codes=("not-found",), response_model=Answer[FilterScript]),
)
def give_back(call: Change, mailbox_id: PathId) -> Response:
    """Have the rules run no longer: the owner's own script becomes the active one again. The rules are kept."""
    _check_own(call, mailbox_id)
    with call.begin() as tx:
        call.answer(Answer[FilterScript](data=FilterScript.of(scripts.give_back(tx, mailbox_id, call.site.filters))))
    return _answered(call)


@router.get(
    "/mailboxes/{mailbox_id:id}/aliases/{alias_id:id}/rules",
    **needs("aliases:read", _READ, codes=("not-found",), response_model=Answer[list[NamingRule]]),
)
def list_naming_rules(call: Read, mailbox_id: PathId, alias_id: PathId) -> Response:
    """Return the rules that name an alias: ask before you delete or disable it."""
    with call.begin() as tx:
        found = naming.naming_alias(tx, alias_id, mailbox=mailbox_id)
    return respond(Answer[list[NamingRule]](data=[NamingRule.of(one) for one in found]))


def _check_own(call: ReadCall | ChangeCall, mailbox_id: int) -> None:
    """Refuse another mailbox than the one that a message token is for, in the words for one that is not there."""
    own = call.caller.token.mailbox_id
    if own not in {None, mailbox_id}:
        raise ServiceError("not-found", f"there is no mailbox {mailbox_id}")


def _reordered(call: ChangeCall, mailbox_id: int, rule_ids: list[int], field: str) -> Response:
    _check_own(call, mailbox_id)
    with call.begin() as tx:
        rules.reorder(tx, mailbox_id, rule_ids, field=field)
        call.answer(_listing(call, tx, mailbox_id))
    return _answered(call)


def _answered(call: ChangeCall) -> Response:
    """Return the answer to a change that was committed: what it means for the script is done soon."""
    call.site.wake_filters()
    return call.response()


def _listing(call: ReadCall | ChangeCall, tx: Transaction, mailbox_id: int) -> RulesOfMailbox:
    policy = call.site.filters
    found = [FilterRule.of(one) for one in rules.list_all(tx, mailbox_id)]
    return RulesOfMailbox(
        data=found,
        script=FilterScript.of(scripts.state(tx, mailbox_id, policy)),
        usage=RuleUsage(used=len(found), limit=policy.max_rules),
    )
