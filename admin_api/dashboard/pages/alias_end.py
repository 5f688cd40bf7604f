"""``/mailboxes/{id}/aliases/{alias_id}/end``: until when an alias lives, set, moved and lifted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from starlette.responses import Response

from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages import alias_list
from admin_api.dashboard.pages.alias_list import HERE, HOME
from store.errors import ServiceError
from store.services import aliases, expiry
from store.services.views import Alias

KEEPS = ("last_day", "expires_after", "expires_when_idle")


@dataclass(frozen=True, slots=True)
class TypedEnd:
    """The form as it was filled in."""

    last_day: str
    expires_after: str
    expires_when_idle: str

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "TypedEnd":
        """Return what a form, or an address that keeps one, holds."""
        return cls(*(fields.get(name, "").strip() for name in KEEPS))

    @classmethod
    def from_alias(cls, alias: Alias) -> "TypedEnd":
        """Return the form as it shows an alias."""
        day = "" if alias.expires_at is None else str(_last_day(alias.expires_at))
        return cls(day, *("" if number is None else str(number) for number in (
            alias.expires_after, alias.expires_when_idle
        )))  # fmt: skip

    def ends(self, alias: Alias) -> dict[str, Any]:
        """Return what is wanted, as the service takes it. A day that is left as it was keeps its hour.

        Raises:
            ServiceError: ``invalid-request`` with the field.
        """
        found: dict[str, Any] = {
            field: _number(field, text)
            for field, text in (("expires_after", self.expires_after), ("expires_when_idle", self.expires_when_idle))
        }
        if self.last_day != self.from_alias(alias).last_day:
            found["expires_at"] = _after(self.last_day) if self.last_day else None
        return found


def _last_day(expires_at: datetime) -> date:
    return (expires_at.astimezone(UTC) - timedelta(microseconds=1)).date()


def _after(day: str) -> datetime:
    """Return the end of a day in UTC."""
    try:
        return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise ServiceError("invalid-request", "write the day as 2027-01-31", field="expires_at") from None


def _number(field: str, text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ServiceError("invalid-request", "write a whole number, such as 30", field=field)
    return int(text)


def show(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Show the form."""
    typed = TypedEnd.of(visit.request.query_params) if set(KEEPS) & set(visit.request.query_params) else None
    return _form(visit, mailbox_id, alias_id, typed)


def save(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Take it; what is empty is lifted."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    typed, unit = TypedEnd.of(visit.form), visit.changing()
    try:
        with unit.begin() as tx:
            alias = aliases.get(tx, alias_id, mailbox=mailbox_id)
            aliases.update(tx, alias_id, mailbox=mailbox_id, **typed.ends(alias))
    except ServiceError as error:
        return _form(visit, mailbox_id, alias_id, typed, error)
    return alias_list.back(visit, unit, mailbox_id, "changed", alias_id)


def _form(
    visit: Visit, mailbox_id: int, alias_id: int, typed: TypedEnd | None, error: ServiceError | None = None
) -> Response:
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    try:
        with visit.reading() as tx:
            alias = aliases.get(tx, alias_id, mailbox=mailbox_id)
            accepted = expiry.accepted(tx, alias_id)
    except ServiceError as missing:
        return alias_list.not_there(visit, mailbox_id, missing)
    return visit.page(
        "alias_end.html",
        error.status if error else 200,
        alias=alias,
        accepted=accepted,
        typed=typed or TypedEnd.from_alias(alias),
        error=error,
    )


_ONE = f"{HERE}/{{alias_id:id}}/end"
ROUTES = (
    Route("GET", _ONE, show),
    Route("POST", _ONE, save, home=f"{HOME}/{{alias_id}}/end", keeps=KEEPS),
)
