"""The rows of the Aliases tab: the buttons in them, and what is done to those that are ticked, in one transaction."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages import alias_list
from admin_api.dashboard.pages.alias_list import HERE, HOME
from admin_api.dashboard.pages.aliases import go_to_list, switch, wanted_by
from admin_api.dashboard.pages.filters import sort
from store.errors import ServiceError
from store.services import alias_facts, aliases, mailboxes
from store.services.alias_facts import AfterDeletion
from store.services.bulk import bulk_call
from store.services.bulk.bulk_call import Item
from store.services.filters.naming import naming_alias
from store.services.filters.views import NamingRule
from store.services.views import Alias

_ROW = re.compile(r"([a-z-]{1,20}) ([1-9][0-9]{0,18})")
_TICKED = re.compile(r"([1-9][0-9]{0,18}) (\S{1,320})")  # id and address, so that one that is gone can be named
_LARGEST = 500_000  # bytes: a thousand ticked rows with the longest addresses
_DELETE, _SORT = "delete", "sort"


@dataclass(frozen=True, slots=True)
class Going:
    """An alias that is about to be deleted, and where its mail goes then."""

    alias: Alias
    after: AfterDeletion
    rules: list[NamingRule]  # that name it


def press(visit: Visit, mailbox_id: int) -> Response:
    """Take a button: of one row, or of the bar for those that are ticked."""
    visit.check_mailbox(mailbox_id)
    row = _ROW.fullmatch(visit.form.get("row", ""))
    if row is not None and row[1] == _SORT:
        return sort(visit, mailbox_id, int(row[2]))
    if row is not None:
        return switch(visit, mailbox_id, int(row[2]), row[1])
    action = visit.form.get("action", "")
    visit.require(visit.rights.manage if action == _DELETE else visit.rights.toggle)
    ticked = _ticked(visit.form.all("alias_id"))
    if not ticked:
        words = "Nothing is ticked. Tick the aliases that are meant, then press the button."
        return alias_list.show(visit, mailbox_id, refused=words, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if action == _DELETE and visit.form.get("confirmed") != "yes":
        return _ask(visit, mailbox_id, ticked)
    return _apply(visit, mailbox_id, action, ticked)


def _ticked(values: Iterable[str]) -> dict[int, str]:
    """Return ids and addresses, each once, in their order."""
    found = (_TICKED.fullmatch(value) for value in values)
    return {int(one[1]): one[2] for one in found if one is not None}


def _ask(visit: Visit, mailbox_id: int, ticked: dict[int, str]) -> Response:
    """Say what deleting those that are ticked does, and ask."""
    with visit.reading() as tx:
        mailbox = mailboxes.get(tx, mailbox_id)
        found = [alias for alias in aliases.list_all(tx, mailbox=mailbox_id) if alias.id in ticked]
        after = {alias.domain_id: alias for alias in found}
        facts = {domain: alias_facts.after_deletion(tx, alias) for domain, alias in after.items()}
        named = {alias.id: naming_alias(tx, alias.id) for alias in found}
    if not found:
        return alias_list.gone(visit, mailbox_id, next(iter(ticked.values())))
    going = [Going(alias, facts[alias.domain_id], named[alias.id]) for alias in found]
    return visit.page("delete_many.html", mailbox=mailbox, going=going, missing=len(ticked) - len(found))


def _apply(visit: Visit, mailbox_id: int, action: str, ticked: dict[int, str]) -> Response:
    """Change or delete all that are ticked, or none."""
    is_deletion = action == _DELETE
    given = {} if is_deletion else dict(wanted_by(action))
    items = [Item("delete" if is_deletion else "update", mailbox_id, given, alias_id=id_) for id_ in ticked]
    unit = visit.changing()
    try:
        with unit.begin() as tx:
            mailboxes.get(tx, mailbox_id)
            bulk_call.apply(tx, items, atomic=True)
    except ServiceError as error:
        return _refused(visit, mailbox_id, ticked, error)
    changed = alias_list.STOPPED if False in {given.get("is_active"), given.get("can_receive")} else "all-changed"
    return alias_list.back(visit, unit, mailbox_id, "all-deleted" if is_deletion else changed, len(items))


def _refused(visit: Visit, mailbox_id: int, ticked: dict[int, str], error: ServiceError) -> Response:
    """Show the tab with the reason, in which the row is named, and everything still ticked that is there."""
    index = error.details.get("index")
    if not isinstance(index, int):
        raise error
    name = list(ticked.values())[index]
    if error.code == "not-found":
        why = f"{name} is not there any more: it was deleted meanwhile"
    else:
        why = f"{name}: {error.message.partition(': ')[2]}"
    words = f"{why}. Nothing was changed, of the others neither."
    return alias_list.show(visit, mailbox_id, refused=words, ticked=ticked, status=error.status)


_ROWS = f"{HERE}/rows"
ROUTES = (
    Route("GET", _ROWS, go_to_list),
    Route("POST", _ROWS, press, home=HOME, largest_form=_LARGEST),
)
