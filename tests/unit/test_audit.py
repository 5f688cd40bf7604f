"""``make audit``: which records of a vulnerability database concern a version, and that nothing is pretended."""

import json
import shutil
import sys
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import audit, osv


def record(name: str, *events: Mapping[str, str], versions: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "versions": list(versions)}
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}]
    return {"id": "PYSEC-1", "modified": "2026-01-31T12:00:00Z", "affected": [affected | {"ranges": ranges}], **more}


@pytest.mark.parametrize(
    ("events", "concerned", "not_concerned"),
    [
        ([{"introduced": "0"}, {"fixed": "2.0"}], ["0.1", "1.9", "2.0rc1"], ["2.0", "2.1"]),
        ([{"introduced": "1.5"}, {"last_affected": "1.7"}], ["1.5", "1.7"], ["1.4", "1.7.1"]),
        ([{"introduced": "0"}], ["0.1", "99"], []),
        ([{"fixed": "3.1"}, {"introduced": "3"}, {"introduced": "0"}, {"fixed": "1"}], ["0.9", "3.0"], ["2", "3.1"]),
        ([], [], ["1.0"]),
    ],
)
def test_ranges(events: list[dict[str, str]], concerned: list[str], not_concerned: list[str]) -> None:
    records = {"some-package": [record("Some_Package", *events)]}
    assert [version for version in concerned if not osv.concerning(records, "some.package", version)] == []
    assert [version for version in not_concerned if osv.concerning(records, "some-package", version)] == []


def test_versions_one_by_one_and_records_that_were_withdrawn() -> None:
    listed = record("a", versions=["1.0", "1.2"])
    assert osv.concerning({"a": [listed]}, "a", "1.2") == [listed]
    assert osv.concerning({"a": [listed]}, "a", "1.3") == []
    assert osv.concerning({"a": [listed | {"withdrawn": "2026-01-01T00:00:00Z"}]}, "a", "1.2") == []


def test_a_folder_and_a_zip_file(tmp_path: Path) -> None:
    texts = {"1.json": record("a", versions=["1"]), "2.json": {"id": "GO-1", "affected": [{"package": {}}]}}
    for name, text in texts.items():
        (tmp_path / name).write_text(json.dumps(text))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in texts:
            archive.write(tmp_path / name, name)
    expected = {"a": [texts["1.json"]]}
    assert osv.read(tmp_path) == osv.read(tmp_path / "all.zip") == expected
    assert osv.newest(expected) == "2026-01-31T12:00:00Z"


# As PyPA publishes a record: plain and quoted values, several intervals, and a list of versions beside the ranges.
PUBLISHED = """\
id: PYSEC-2026-1
details: A made-up hole, in a record of the published form, where "2.10" stands in quotes
  and 2.11.2 does not.
affected:
- package:
    name: Some_Package
    ecosystem: PyPI
    purl: pkg:pypi/some-package
  ranges:
  - type: GIT
    repo: https://github.com/example/some-package
    events:
    - introduced: "0"
    - fixed: 0123456789012345678901234567890123456789
  - type: ECOSYSTEM
    events:
    - introduced: "0"
    - fixed: 2.11.3
    - introduced: 3.0.0
    - fixed: 3.0.2
  versions:
  - "2.10"
  - 2.11.2
references:
- type: ADVISORY
  url: https://example.org/advisory
aliases:
- CVE-2026-1
- GHSA-xxxx-xxxx-xxxx
modified: "2026-03-22T16:34:00Z"
published: 2026-02-01T20:15:00Z
"""


@pytest.mark.parametrize("zipped", [False, True])
def test_pypas_database_as_it_is_published(tmp_path: Path, zipped: bool) -> None:
    """The repository, or the zip file of it: a folder for each package, and files that are no records."""
    place = tmp_path / "advisory-database-main"
    for name, text in {
        "vulns/some-package/PYSEC-2026-1.yaml": PUBLISHED, ".pre-commit-config.yaml": "repos: []\n",
        ".github/x.yml": "- a\n", "README.md": "x",
    }.items():  # fmt: skip
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    given = Path(shutil.make_archive(str(tmp_path / "main"), "zip", tmp_path, place.name)) if zipped else place
    records = osv.read(given)
    assert osv.newest(records) == "2026-03-22T16:34:00Z"
    versions = ("2.1", "2.10", "2.11.2", "2.11.3", "2.9.9", "3.0.1", "3.0.2")
    concerned = [one for one in versions if osv.concerning(records, "some-package", one)]
    assert concerned == ["2.1", "2.10", "2.11.2", "2.9.9", "3.0.1"]
    with audit.serving(records) as url:
        (answer,) = _ask(url, "some-package", "2.10")["vulns"]
        assert (answer["id"], answer["affected"][0]["versions"]) == ("PYSEC-2026-1", ["2.10", "2.11.2"])


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"no zip"])
def test_what_is_no_database_is_not_audited(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "given"
    if content is not None:
        given.mkdir()
        (given / "1.json").write_bytes(content)
    assert audit.main("pip-audit", str(given)) == audit.NOT_AUDITED
    assert capsys.readouterr().err.startswith("NOT AUDITED: ")


def test_without_a_database_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main("pip-audit", None) == audit.NOT_AUDITED
    assert "NOT AUDITED: no vulnerability database was given" in capsys.readouterr().err


def test_it_answers_as_osv_does() -> None:
    found = record("a", versions=["1"])
    with audit.serving({"a": [found]}) as url:
        assert _ask(url, "a", "1") == {"vulns": [found]}
        assert _ask(url, "a", "2") == {}


def _ask(url: str, name: str, version: str) -> Any:
    body = json.dumps({"package": {"name": name, "ecosystem": "PyPI"}, "version": version}).encode()
    with urllib.request.urlopen(url, body, timeout=10) as answer:
        return json.load(answer)


# Programs that answer in the place of pip-audit: what it prints for a hole, for none, for a package it left out, and
# what it does where nobody answers. The whole is run by `make audit`.
HOLE = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2"]}]}


@pytest.mark.parametrize(
    ("printed", "code", "told"),
    [
        ({"dependencies": [HOLE]}, audit.HOLES, "a 1: PYSEC-1 CVE-1; mended by 2\n"),
        ({"dependencies": [HOLE | {"vulns": []}]}, audit.CLEAN, "requirements.txt: 1 packages looked at"),
        ({"dependencies": [{"name": "b", "skip_reason": "not there"}]}, audit.NOT_AUDITED, "left out: b"),
        (None, audit.NOT_AUDITED, "NOT AUDITED: requirements.txt: pip-audit ended with 0: it said nothing"),
    ],
)
def test_what_comes_of_it(
    tmp_path: Path, printed: Any, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(f"#!{sys.executable}\nprint({json.dumps(printed)!r})\n")
    program.chmod(0o755)
    assert audit.main(str(program), "http://127.0.0.1:1/v1/query") == code
    said = capsys.readouterr()
    assert told in said.out + said.err
