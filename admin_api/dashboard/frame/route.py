"""What a route is: where it is, who may see it, and what makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from starlette.responses import Response

LARGEST_FORM = 64_000  # bytes, unless a page says otherwise

Who = Literal["anyone", "people", "admins", "customers", "operators"]


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the dashboard.

    Attributes:
        method: GET, or POST for a form.
        path: below the dashboard's own; parts of it are given to the view by name.
        view: makes the answer of a :class:`~admin_api.dashboard.frame.visit.Visit`, outside the event loop. A GET page
            reads what it shows in the form from the address when a name stands there (:meth:`Visit.typed`).
        who: ``people`` are all who are signed in, owners of mailboxes among them; ``admins`` those of one account, and
            operators; ``customers`` the former alone. For everybody else there is nothing here.
        home: of a form, the page that shows it: where one comes back to after signing in again, and where what was
            typed is kept. None: of a GET its own path, of a POST the start.
        keeps: of a form, the fields that are then given to ``home`` in the address, to be shown again.
        largest_form: bytes.
        weighs: of a form that has a password checked, or hashed: only some are looked at at once, for the work it is.
            One for ``anyone`` tells in its own words when there are too many (:attr:`Visit.crowded`).
        for_set_up: whether it is there also for people who must set up a second factor, and have none.
    """

    method: Literal["GET", "POST"]
    path: str
    view: Callable[..., Response]
    who: Who = "people"
    home: str | None = None
    keeps: tuple[str, ...] = ()
    largest_form: int = LARGEST_FORM
    weighs: bool = False
    for_set_up: bool = False
