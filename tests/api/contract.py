"""Made-up requests, held against the API's own description by Schemathesis: all its checks, chains of requests too.

And one check more: what the description calls valid is never called invalid.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import EngineEvent, FatalError, NonFatalError, ScenarioFinished

from tests.api.fuzz_world import FuzzWorld
from tests.api.running_api import RunningApi

_IMPORT = "/api/v1/aliases:import"  # any text is taken, and told by line what is wrong with it
# for message tokens, and the requests show an operator's
_OWN = ("/api/v1/messages/_me", "/api/v1/messages/send", "/api/v1/messages/{message_id}")
# where it depends on the clock, the calendar, the token, what is stored or the field beside it whether a value will do
_BY_STATE = frozenset(
    {
        "/actions",
        "/actions/*/value",
        "/conditions/*/value",
        "/expires_at",
        "/expires_after",
        "/items/*/expires_at",
        "/items/*/expires_after",
        "/senders/require_authenticated",
        "/items/*/senders/require_authenticated",
        "/first_payment_at",
        "/query/since",
        "/query/mailbox",
        "/query/address",
        "/destination",
    }
)
_NUMBER = re.compile(r"/[0-9]+")
_MANY = 10_000  # requests; with fewer, there is no time to try the bounds of each field one by one
_FOR_EVER = 1_000_000  # seconds
_FORMAL = frozenset({"invalid-request", "invalid-local-part"})  # codes of what the description itself rules out


@dataclass(slots=True)
class Report:
    """What came of a run."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    done: set[str] = field(default_factory=set)  # operations that were answered 2xx
    violations: dict[str, str] = field(default_factory=dict)  # a request for each kind

    @property
    def server_errors(self) -> int:
        """How often the server hit a bug."""
        return sum(number for status, number in self.statuses.items() if status >= 500)


@schemathesis.check
def valid_is_not_called_invalid(_: Any, response: Any, case: Any) -> None:
    """Fail where the description says that a request is well formed, and the server that it is not.

    No pattern can say portably which characters Unicode calls printable, nor what a field may be beside what is stored.
    """
    if response.status_code != 422 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    if "line_code" in problem:  # a file, of which the description says no more than that it is text
        return
    if problem["code"] in _FORMAL and _is_printable([case.body, case.query]):
        unexpected = {_NUMBER.sub("/*", flaw["pointer"]) for flaw in problem["errors"]} - _BY_STATE
        assert not unexpected, f"the description allows this request: {problem['detail']}"


def _is_printable(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_printable, value.values()))
    if isinstance(value, list):
        return all(map(_is_printable, value))
    return not isinstance(value, str) or value.isprintable()


def fuzz(api: RunningApi, requests: int, seed: int, tell: Callable[[Report], None] = lambda _: None) -> Report:
    """Send about ``requests`` made-up requests and return what came of them."""
    world, report = FuzzWorld(api.database, Random(seed)), Report()
    schema = schemathesis.openapi.from_url(f"{api.url}/api/v1/openapi.json", config=_config(world, requests, seed))

    def before_call(_: Any, case: Any, kwargs: Any) -> None:
        report.requests += 1
        world.adjust(case)

    def after_call(_: Any, case: Any, response: Any) -> None:
        report.statuses[response.status_code] += 1
        if response.status_code < 300:
            report.done.add(case.operation.label)

    with _hooked(before_call, after_call):
        stream = from_schema(schema).execute()
        for event in stream:
            _note(event, report)
            tell(report)
            if report.requests >= requests:
                stream.stop()
    return report


@contextmanager
def _hooked(*hooks: Callable[..., None]) -> Iterator[None]:
    """Have Schemathesis call these around each request; it knows such hooks of the whole process only."""
    for hook in hooks:
        schemathesis.hook(hook)
    try:
        yield
    finally:
        for hook in hooks:
            schemathesis.hooks.unregister(hook)


def _config(world: FuzzWorld, requests: int, seed: int) -> SchemathesisConfig:
    each = 5 if requests < _MANY else 20  # of each of some forty operations, before chains of requests have their turn
    config = {
        "seed": seed,
        "cache": {"enabled": False},
        "max-time": _FOR_EVER,  # so it goes round until it is stopped
        "continue-on-failure": True,
        "headers": {"Authorization": f"Bearer {world.secret}"},
        "generation": {"database": "none", "max-examples": each, "with-security-parameters": False},
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "422"]}},
        "operations": [
            {"include-path": _IMPORT, "checks": {"negative_data_rejection": {"enabled": False}}},
            *(
                {"include-path": own, "checks": {"positive_data_acceptance": {"expected-statuses": ["403", "404"]}}}
                for own in _OWN
            ),
        ],
        "phases": {
            "stateful": {"generation": {"max-examples": 10 * each}},
            "coverage": {"enabled": requests >= _MANY},
        },
    }
    return SchemathesisConfig.from_dict(config)


def _note(event: EngineEvent, report: Report) -> None:
    if isinstance(event, FatalError):
        raise event.exception
    if isinstance(event, NonFatalError):
        report.violations.setdefault(f"{event.label}: cannot be tested", str(event.value))
    if isinstance(event, ScenarioFinished):
        for found in _failures(event):
            report.violations.setdefault(*found)


def _failures(event: ScenarioFinished) -> Iterator[tuple[str, str]]:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.status is Status.FAILURE and check.failure_info is not None:
                label = event.recorder.cases[case_id].value.operation.label
                failure = check.failure_info.failure
                yield f"{label}: {check.name}", f"{failure.message}\n{check.failure_info.code_sample}"
