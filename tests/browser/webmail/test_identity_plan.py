"""The plan of Byname's Roundcube plugin: what it makes, removes and leaves alone. PHP, without a Roundcube."""

import json
import shutil
import subprocess
from importlib.resources import as_file, files
from typing import Any

import pytest

import conf
from tests.mail.conftest import leave_out

SCRIPT = "require $argv[1]; echo json_encode(identity_plan(...json_decode(stream_get_contents(STDIN), true)));"
JOHN, SALES, ADS = "john@brand-a.test", "sales@brand-b.test", "ads@brand-b.test"

Made = dict[int, str]
CASES: list[tuple[str, Made, Made, list[str], Made, list[int], list[str]]] = [
    # name, remembered, identities there, may send as; stays remembered, removed, made
    ("first login", {}, {1: JOHN}, [JOHN, SALES], {}, [], [SALES]),
    ("nothing new", {2: SALES}, {1: JOHN, 2: SALES}, [JOHN, SALES], {2: SALES}, [], []),
    ("one more", {2: SALES}, {1: JOHN, 2: SALES}, [JOHN, SALES, ADS], {2: SALES}, [], [ADS]),
    ("one lost", {2: SALES, 3: ADS}, {1: JOHN, 2: SALES, 3: ADS}, [JOHN, ADS], {3: ADS}, [2], []),
    ("made by hand, allowed", {}, {1: JOHN, 2: SALES}, [JOHN, SALES], {}, [], []),
    ("made by hand, not allowed", {}, {1: JOHN, 2: "me@elsewhere.test"}, [JOHN], {}, [], []),
    ("made by hand in other letters", {}, {1: JOHN, 2: "Sales@Brand-B.test"}, [JOHN, SALES], {}, [], []),
    ("given another address", {2: SALES}, {1: JOHN, 2: "me@elsewhere.test"}, [JOHN], {}, [], []),
    ("given another address, still allowed", {2: SALES}, {1: JOHN, 2: ADS}, [JOHN, SALES], {}, [], [SALES]),
    ("deleted by hand", {2: SALES}, {1: JOHN}, [JOHN, SALES], {}, [], [SALES]),
    ("deleted by hand and lost", {2: SALES}, {1: JOHN}, [JOHN], {}, [], []),
    ("may not send at all", {2: SALES}, {1: JOHN, 2: SALES}, [], {}, [2], []),
    ("twice there, one by hand", {2: SALES}, {1: JOHN, 2: SALES, 3: SALES}, [JOHN], {}, [2], []),
    ("no identity at all", {2: SALES}, {}, [JOHN], {}, [], [JOHN]),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _needs_php() -> None:
    if shutil.which("php") is None:
        leave_out("not installed: php-cli")


@pytest.mark.parametrize(
    ("made", "rows", "may", "kept", "lost", "new"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_the_plan(made: Made, rows: Made, may: list[str], kept: Made, lost: list[int], new: list[str]) -> None:
    given = (
        made,
        [{"identity_id": str(number), "email": address} for number, address in rows.items()],
        [{"address": address, "display_name": "John"} for address in may],
    )
    found = plan(given)
    assert {int(number): address for number, address in dict(found["kept"] or {}).items()} == kept
    assert (found["lost"], [one["address"] for one in found["new"]]) == (lost, new)


def plan(given: tuple[Any, ...]) -> dict[str, Any]:
    with as_file(files(conf).joinpath("roundcube/plugins/byname_identities/identity_plan.php")) as path:
        command = ["php", "-d", "display_errors=stderr", "-r", SCRIPT, str(path)]
        done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
