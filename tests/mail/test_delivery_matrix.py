"""Every recipe by every kind of message: one copy for each mailbox, showing its own names and nobody else's.

The results are the table of docs/delivered-to.md, which must agree with them; BYNAME_WRITE_DOCS=1 writes it anew.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from byname.sandbox.recipes import RECIPES, Recipe
from byname.sandbox.requirements import RECIPES as RECIPE_PACKAGES
from byname.sandbox.requirements import missing_packages
from tests.mail.conftest import leave_out
from tests.mail.dialogue import Dialogue, logged_in
from tests.mail.headers import delivered_to
from tests.mail.matrix_world import FIFTY, JOHN, MARY, fill
from tests.mail.recipes_site import RecipeSite

DOCS = Path(__file__).parents[2] / "docs" / "delivered-to.md"
BEGIN, END = "<!-- matrix: begin -->\n", "<!-- matrix: end -->\n"
FRIEND = "friend@outside.example"


@dataclass(frozen=True)
class Case:
    """A message, and for each place where a copy must arrive the names that this copy may show."""

    title: str
    typed: tuple[str, ...]  # RCPT arguments
    copies: dict[str, list[str]]
    sender: str = "<ann@out.example>"
    login: str | None = None
    body: bytes = field(default=b"Delivered-To: forged@brand-a.test\r\nSubject: matrix\r\n\r\nbody\r\n")


CASES = [
    Case("one alias", ("<sales@brand-b.test>",), {JOHN: ["sales@brand-b.test"]}),
    Case(
        "two aliases of one mailbox",
        ("<sales@brand-b.test>", "<info@brand-a.test>"),
        {JOHN: ["sales@brand-b.test", "info@brand-a.test"]},
    ),
    Case(
        "aliases of two mailboxes",
        ("<sales@brand-b.test>", "<team@brand-a.test>"),
        {JOHN: ["sales@brand-b.test"], MARY: ["team@brand-a.test"]},
    ),
    Case(
        "fifty mailboxes, three domains, two tenants",
        tuple(f"<{alias}>" for _, alias in FIFTY),
        {mailbox: [alias] for mailbox, alias in FIFTY},
    ),
    Case(
        "an alias and an outside recipient",
        ("<sales@brand-b.test>", f"<{FRIEND}>"),
        {JOHN: ["sales@brand-b.test"], FRIEND: []},
        sender=f"<{MARY}>",
        login=MARY,
        body=b"Delivered-To: forged@brand-a.test\r\nFrom: mary@brand-a.test\r\nSubject: matrix\r\n\r\nbody\r\n",
    ),
    Case(
        "an alias and the catch-all of one mailbox",
        ("<any@brand-b.test>", "<sales@brand-b.test>"),
        {JOHN: ["any@brand-b.test", "sales@brand-b.test"]},
    ),
    Case("a sub-address", ("<sales+news@brand-b.test>",), {JOHN: ["sales+news@brand-b.test"]}),
    Case("upper case", ("<SALES@BRAND-B.TEST>",), {JOHN: ["sales@brand-b.test"]}),
    Case("a source route", ("<@relay.test:sales@brand-b.test>",), {JOHN: ["sales@brand-b.test"]}),
    Case("quoted", ('<"sales"@brand-b.test>',), {JOHN: ["sales@brand-b.test"]}),
    Case("the null sender", ("<sales@brand-b.test>",), {JOHN: ["sales@brand-b.test"]}, sender="<>"),
    Case("the mailbox itself", ("<john@brand-a.test>",), {JOHN: []}),
]


@pytest.fixture(scope="module", params=RECIPES, ids=lambda recipe: recipe.name)
def recipe_site(request: pytest.FixtureRequest, needs_root: None) -> Iterator[RecipeSite]:
    if missing := missing_packages(RECIPE_PACKAGES):
        leave_out(f"not installed: {' '.join(missing)}")
    with RecipeSite(request.param, filling=fill) as started:
        yield started


def expected_names(recipe: Recipe, case: Case) -> dict[str, list[list[str]]]:
    """Return the Delivered-To values of each copy, by place.

    Where the milter writes the header it stands in all copies, so that it is written for a lone mailbox only. And
    Dovecot, when it writes one, makes a copy for each name it is given.
    """
    if recipe.name == "virtual" and len(case.copies) > 1:
        return {place: [[]] for place in case.copies}
    if recipe.name == "dovecot-userdb":
        return {place: [[name] for name in names] or [[]] for place, names in case.copies.items()}
    return {place: [names] for place, names in case.copies.items()}


def send(site: RecipeSite, case: Case) -> None:
    if case.login:
        with logged_in(site, case.login) as client:
            client.sendmail(case.sender, [each.strip("<>") for each in case.typed], case.body)
        return
    with Dialogue(site.inbound_port) as smtp:
        replies = smtp.mail(case.typed, case.body, case.sender)
    assert [reply[:3] for reply in replies] == ["250"] * (len(case.typed) + 2)


def found_names(site: RecipeSite) -> dict[str, list[list[str]]]:
    """Return the Delivered-To values of every copy that arrived anywhere, less the one that virtual(8) adds itself."""
    skip = 1 if site.recipe.name == "virtual" else 0
    site.postfix.wait_until_idle()
    found = {box: [delivered_to(copy)[skip:] for copy in site.messages(box)] for box in site.dovecot.addresses()}
    outside = {each.recipients[0]: [delivered_to(each.content)] for each in site.outside.deliveries}
    return {place: copies for place, copies in (found | outside).items() if copies}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_matrix(recipe_site: RecipeSite, case: Case) -> None:
    recipe_site.clear()
    send(recipe_site, case)
    assert in_any_order(found_names(recipe_site)) == in_any_order(expected_names(recipe_site.recipe, case))
    everything = {name for names in case.copies.values() for name in names}
    for place, own in case.copies.items():
        for copy in copies_at(recipe_site, place):
            assert not [name for name in everything - set(own) if name.encode() in copy]  # a leak
    assert recipe_site.postfix.queue() == []


def in_any_order(found: dict[str, list[list[str]]]) -> dict[str, list[list[str]]]:
    """Postfix hands recipients over in an order of its own, so the fields of one copy come in any."""
    return {place: sorted(sorted(copy) for copy in copies) for place, copies in found.items()}


def copies_at(site: RecipeSite, place: str) -> list[bytes]:
    if place == FRIEND:
        return [each.content for each in site.outside.deliveries]
    return site.messages(place)


def test_a_session_with_smtputf8_is_not_offered_to_a_store_without_it(recipe_site: RecipeSite) -> None:
    with Dialogue(recipe_site.inbound_port) as smtp:
        assert "SMTPUTF8" not in smtp.say("EHLO again.test")
        assert smtp.say("MAIL FROM:<ann@out.example> SMTPUTF8").startswith("555 5.5.4")


def table() -> str:
    """The matrix as it must come out, for the documentation: how many names each copy shows."""
    lines = ["| message | " + " | ".join(recipe.name for recipe in RECIPES) + " |", "|---" * (len(RECIPES) + 1) + "|"]
    for case in CASES:
        cells = [_cell(expected_names(recipe, case)) for recipe in RECIPES]
        lines.append(f"| {case.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(expected: dict[str, list[list[str]]]) -> str:
    copies = [copy for place in expected.values() for copy in place]
    if len(copies) > 3:
        shown = {len(copy) for copy in copies}
        return f"{len(copies)} copies, each with {'its own name' if shown == {1} else 'no Delivered-To'}"
    return "<br>".join(
        f"{place.partition('@')[0]}: {', '.join(copy) or 'no Delivered-To'}"
        for place, places in expected.items()
        for copy in places
    )


def test_the_documentation_shows_this_matrix() -> None:
    before, _, rest = DOCS.read_text().partition(BEGIN)
    shown, _, after = rest.partition(END)
    if os.environ.get("BYNAME_WRITE_DOCS"):
        DOCS.write_text(before + BEGIN + table() + END + after)
        return
    assert shown == table()
