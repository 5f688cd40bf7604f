"""The answer of a bulk call, which is written from the service's own views."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from admin_api.http.models import Answer
from admin_api.rest.schemas.bulk import Bulk, BulkResults, as_answer
from store.services.bulk.bulk_call import ItemResult
from store.services.views import Alias, Senders

NOW = datetime(2026, 11, 30, 10, 0, 0, 123456, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "id": 7,
    "address": "sales@brand-b.com",
    "local_part": "sales",
    "domain_id": 2,
    "domain": "brand-b.com",
    "mailbox_id": 1,
    "can_receive": True,
    "can_send": False,
    "is_active": True,
    "note": None,
    "created_at": NOW,
    "updated_at": NOW,
    "mailbox": "john@brand-a.com",
}
FULL = PLAIN | {
    "note": 'ein "Wört" & <mehr>',
    "senders": Senders("listed", ("ann@work.example", ".shop.example"), require_authenticated=True),
    "expires_at": NOW,
    "expires_after": 100,
    "expires_when_idle": 90,
    "ends_at": NOW,
    "expired": True,
    "last_mail_at": NOW.replace(microsecond=0),
    "mails_30d": 12,
    "refused_30d": 3,
}


def test_the_answer_is_that_of_its_models() -> None:
    assert FULL.keys() == {field.name for field in fields(Alias)}
    done = [
        ItemResult(0, "created", alias=Alias(**PLAIN)),
        ItemResult(1, "updated", alias=Alias(**FULL), rules=(3, 4)),
        ItemResult(2, "deleted"),
        ItemResult(3, "failed", "address-taken", "sales@brand-b.com is taken already"),
    ]
    for results in (done, []):
        documented = Answer[BulkResults].model_validate({"data": {"results": results}}, from_attributes=True)
        assert as_answer(results) == documented.model_dump_json()


def test_moments_are_taken_in_utc() -> None:
    item = {
        "op": "create",
        "mailbox_id": 1,
        "domain_id": 2,
        "local_part": "x",
        "expires_at": "2027-01-01T01:00:00+02:00",
    }
    taken = TypeAdapter(Bulk).validate_python({"items": [item]}).items[0].item()
    assert str(taken.given["expires_at"]) == "2026-12-31 23:00:00+00:00"
