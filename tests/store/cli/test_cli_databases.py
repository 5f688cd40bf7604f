"""The command line over each kind of database: from nothing to mail decisions and back."""

from pathlib import Path

from tests.store.cli.command_line import SAMPLE, CommandLine

# command, exit code, JSON members shown
STORY = [
    ("db check", 0, {"differences": []}),
    ("explain sales@brand-b.test", 0, {"verdict": "deliver", "mailbox": "john@brand-a.test"}),
    ("explain --login john@brand-a.test --from sales@brand-b.test", 0, {"verdict": "allow"}),
    ("alias list john@brand-a.test", 0, {"usage": {"used": 2, "limit": 30}}),
    ("alias set sales@brand-b.test --disable", 0, {"is_active": False}),
    ("explain sales@brand-b.test", 1, {"rule": "alias-disabled"}),
    ("domain set brand-b.test --catch-all mary@brand-a.test", 0, {"is_active": True}),
    ("explain sales@brand-b.test", 1, {"rule": "alias-disabled"}),
    ("alias remove sales@brand-b.test", 0, {"address": "sales@brand-b.test"}),
    ("explain sales@brand-b.test", 0, {"rule": "catch-all", "mailbox": "mary@brand-a.test"}),
    ("mailbox remove john@brand-a.test --yes", 0, {"aliases": ["info@brand-a.test"]}),
    ("explain info@brand-a.test", 1, {"rule": "unknown"}),
    ("domain remove brand-b.test --yes", 0, {"name": "brand-b.test"}),
    ("explain sales@brand-b.test", 3, {"verdict": "not-ours"}),
]


def test_story(spare_url: str, tmp_path: Path) -> None:
    byname = CommandLine(tmp_path)
    byname.config.write_text(f'store.url = "{spare_url}"\n')
    byname.succeed(*SAMPLE)
    for command, code, shown in STORY:
        finished = byname(*command.split(), "--json")
        assert (finished.code, finished.err) == (code, ""), command
        assert finished.data == finished.data | shown, command
    removal = byname("mailbox", "remove", "mary@brand-a.test", "--json")
    assert (removal.code, removal.error["code"]) == (65, "confirmation-required")
