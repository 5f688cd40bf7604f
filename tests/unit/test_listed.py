"""Recipients in a domain that the MTA's file may have and the directory does not, and the list beside the file."""

from importlib.resources import files
from pathlib import Path

import pytest

from conf.map_file import REMEMBERED, ListedDomains, MapFile, parse_map_file, read_list, write_list
from conf.settings import load
from routing.address import Address
from routing.directory import AffirmedFacts
from routing.listed import judge_listed
from routing.policy import Policy
from routing.recipient import decide
from routing.sender import Role
from routing.verdicts import NotOurs, Reject
from tests.unit.sample_site import NOW

ANN = Address("ann", "gone.test")
PLACE = "lmdb:/var/spool/postfix/byname/domains"


@pytest.mark.parametrize(
    ("listed", "role", "is_fresh", "reply"),
    [
        ("listed", Role.INBOUND, True, "550 5.1.2 <ann@gone.test>: not hosted here"),
        ("listed", Role.INBOUND, False, "451"),  # grace refuses nothing
        ("listed", Role.SUBMISSION, True, "451"),  # soon it goes to whoever has the domain now
        ("left", Role.INBOUND, True, "451"),
        ("unknown", Role.INBOUND, True, "451"),
    ],
)
def test_what_the_mta_takes_for_hosted(listed: str, role: Role, is_fresh: bool, reply: str) -> None:
    verdict = judge_listed(ANN, NotOurs(is_fresh=is_fresh), listed, role)
    later = "451 4.3.0 <ann@gone.test>: This domain is no longer hosted here, please try again"
    assert not isinstance(verdict, NotOurs)
    assert str(verdict.reply) == (later if reply == "451" else reply)
    assert isinstance(verdict, Reject) == (reply != "451")


@pytest.mark.parametrize("role", Role)
def test_what_it_does_not_is_not_ours(role: Role) -> None:
    assert judge_listed(ANN, NotOurs(), "not-listed", role) == NotOurs()


@pytest.mark.parametrize(("facts", "is_fresh"), [({}, True), (AffirmedFacts({}, may_send=False), False)])
def test_how_fresh_it_is_that_a_domain_is_not_hosted(facts: dict[str, object], is_fresh: bool) -> None:
    verdict = decide(Policy(), ANN, facts, NOW)  # type: ignore[arg-type]  # empty
    assert isinstance(verdict, NotOurs)
    assert verdict.is_fresh is is_fresh


def test_the_list(tmp_path: Path) -> None:
    place, now = MapFile("lmdb", tmp_path / "domains"), [NOW]
    listed = ListedDomains(place, lambda: now[0])
    assert listed("a.test") == "unknown"
    write_list(place, ["a.test", "b.test"], {"gone.test": NOW, "b.test": NOW})
    assert [listed(name) for name in ("a.test", "b.test", "gone.test", "x.test")] == [
        "listed", "listed", "left", "not-listed"
    ]  # fmt: skip
    assert read_list(place) == (frozenset({"a.test", "b.test"}), {"gone.test": NOW})
    now[0] += REMEMBERED
    assert listed("gone.test") == "not-listed"
    write_list(place, ["x.test"], {})
    assert [listed(name) for name in ("a.test", "x.test")] == ["not-listed", "listed"]
    place.listing.write_text("a.test\tsome day\n")
    assert listed("a.test") == "unknown"
    assert place.listing.stat().st_mode & 0o777 == 0o644


def test_the_samples_name_one_file() -> None:
    folder = Path(str(files("conf"))) / "postfix" / "map-file"
    export = load(folder / "map-file.toml", {}).maps.export
    assert f"virtual_mailbox_domains = {export}\n" in (folder / "main.cf").read_text()


def test_a_file_as_settings_name_it() -> None:
    place = parse_map_file(PLACE)
    assert (str(place), str(place.file)) == (PLACE, f"{PLACE[5:]}.lmdb")
    for bad in ("", "lmdb", "lmdb:", "hash:/x", "lmdb:x", "lmdb:/x/", "lmdb:/x.lmdb", "cdb:/x y", "cdb:/x,y"):
        with pytest.raises(
            ValueError, match="must be lmdb: or cdb: and the absolute path of a file without its ending"
        ):
            parse_map_file(bad)
