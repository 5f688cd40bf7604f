"""The Aliases tab itself: what is on it, and the way back to it."""

from collections.abc import Collection
from datetime import timedelta
from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import Outcome, go_back, outcome
from admin_api.dashboard.frame.rendering import readable
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.alias_form import Typed, example
from admin_api.dashboard.pages.alias_order import AliasOrder
from store.clock import utc_now
from store.errors import ServiceError
from store.services import alias_facts, aliases, mailboxes
from store.services.filters import naming
from store.services.views import Alias
from store.unit_of_work.unit import UnitOfWork

STOPPED = "all-stopped"  # what was done to those that are ticked
HERE = "/mailboxes/{mailbox_id:id}/aliases"
HOME = "/mailboxes/{mailbox_id}/aliases"
SEARCH_FROM = 21  # aliases; fewer are seen at a glance
SOON = timedelta(days=7)  # before an alias expires a mark says so
_LONGEST_SEARCH = 100


def path(mailbox_id: int) -> str:
    """Return where the tab of a mailbox is."""
    return HOME.format(mailbox_id=mailbox_id)


def back(visit: Visit, unit: UnitOfWork, mailbox_id: int, what: str, identity: int) -> Response:
    """Send the browser to the tab, with the search that was in force."""
    kept = {"search": _search(visit), "sort": _order(visit).text}
    return go_back(visit, unit, path(mailbox_id), what, identity, more={name: one for name, one in kept.items() if one})


def show(
    visit: Visit,
    mailbox_id: int,
    typed: Typed | None = None,
    error: ServiceError | None = None,
    *,
    refused: str | None = None,
    ticked: Collection[int] = (),
    status: int = HTTPStatus.OK,
) -> Response:
    """Show the tab.

    Args:
        visit: the request.
        mailbox_id: whose aliases.
        typed: what stands in the New Alias form.
        error: what is wrong with that.
        refused: why a button did nothing, in words.
        ticked: ids of aliases that are to stay ticked.
        status: of the answer, unless ``error`` has one.
    """
    visit.check_mailbox(mailbox_id)
    done = None if error or refused else outcome(visit)
    search = _search(visit)
    with visit.reading() as tx:
        mailbox = mailboxes.get(tx, mailbox_id)
        found = aliases.list_all(tx, mailbox=mailbox_id)
        room = alias_facts.room(tx, mailbox_id)
        usage = aliases.usage(tx, mailbox_id)
        sorted_by = naming.names_of(tx, mailbox_id)
        idle = _just_stopped(found, done)
        named = [] if idle is None else naming.naming_alias(tx, idle.id)
    typed_or_new = typed or Typed(domain_id=_last_domain(found, done))
    return visit.page(
        "aliases.html",
        status if error is None else error.status,
        mailbox=mailbox,
        aliases=_order(visit).sorted([alias for alias in found if _holds(alias, search)]),
        order=_order(visit),
        usage=usage,
        sorted_by=sorted_by,
        idle=idle,
        named=named,
        resting=[one for one in found if done and done.what == STOPPED and one.id in sorted_by and not _works(one)],
        ending={one.id for one in found if _ends_soon(one)},
        soon_days=SOON.days,
        room=room,
        typed=typed_or_new,
        is_open=typed is not None or not found or (done is not None and done.what == "made"),
        error=error,
        example=example(typed_or_new.local_part, error, visit.site.system_names),
        done=done,
        refused=refused,
        ticked=ticked,
        search=search,
        is_searched=len(found) >= SEARCH_FROM or bool(search),
        upgrade_url=visit.options.upgrade_url,
    )


def gone(visit: Visit, mailbox_id: int, name: str = "This alias") -> Response:
    """Show the tab as it is now: the alias that was meant is not on it (any more)."""
    words = f"{name} is not there any more: it was deleted meanwhile. Nothing was changed."
    return show(visit, mailbox_id, refused=words, status=HTTPStatus.NOT_FOUND)


def not_there(visit: Visit, mailbox_id: int, error: ServiceError) -> Response:
    """Answer for an alias that is not there, as for one of another account. Raises any other error again."""
    if error.code != "not-found":
        raise error
    return gone(visit, mailbox_id)


def _search(visit: Visit) -> str:
    return visit.typed("search").strip()[:_LONGEST_SEARCH]


def _order(visit: Visit) -> AliasOrder:
    return AliasOrder.of(visit.typed("sort"))


def _holds(alias: Alias, search: str) -> bool:
    wanted = search.casefold()
    texts = (alias.address, readable(alias.address), alias.note or "")
    return any(wanted in text.casefold() for text in texts)


def _just_stopped(found: list[Alias], done: Outcome | None) -> Alias | None:
    """Return the alias that was just changed, if no mail comes through it now."""
    if done is None or done.what != "changed":
        return None
    return next((one for one in found if one.id == done.id and not _works(one)), None)


def _works(alias: Alias) -> bool:
    """Return whether mail comes through an alias."""
    return alias.is_active and alias.can_receive and not alias.expired


def _ends_soon(alias: Alias) -> bool:
    """Return whether an alias has expired, or will within some days."""
    return alias.ends_at is not None and alias.ends_at - utc_now() <= SOON


def _last_domain(found: list[Alias], done: Outcome | None) -> str:
    """Return the domain of the alias that was just made: the next one is often on the same."""
    if done is None or done.what != "made":
        return ""
    return next((str(alias.domain_id) for alias in found if alias.id == done.id), "")
