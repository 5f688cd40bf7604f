"""Byname's rules in Roundcube: its page of filters shows the same ones, and a change made there is noticed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from tests.browser.webmail.webmail import go, logged_in
from tests.mail.dialogue import Dialogue
from tests.mail.world import MARY

TEAM = "team@brand-a.test"
RULES = {
    "Mail to the team": ("delivered_to contains team@", "move Team"),
    'Offers, "urgent" \\ [now]': ('subject contains say "hi" \\ 🎉', "flag"),
    "To a friend": ("from ends @shop.example", "copy Team"),
}


@pytest.fixture
def page(chromium: Browser, site: PrivateSite) -> Iterator[Page]:
    """Mary, whose rules are installed, and who has had a mail by one of them."""
    for name, (condition, action) in RULES.items():
        site.admin("rule", "add", MARY, name, "--if", condition, "--then", action)
    wait_for_state(site, "installed")
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.mail([f"<{TEAM}>"])
    site.postfix.wait_until_idle()
    with logged_in(chromium, site, MARY) as page:
        yield page


def test_roundcube_shows_the_same_rules(page: Page, site: PrivateSite) -> None:
    go(page, site, "_task=mail&_mbox=Team")
    expect(page.locator("#messagelist")).to_contain_text("hello")
    go(page, site, "_task=settings&_action=plugin.managesieve")
    expect(page.locator("#filterslist td.name")).to_have_text(list(RULES))
    expect(page.locator("#filtersetslist td.name, #filtersetslist li")).to_have_text(["byname"])

    form = opened(page, 0)
    expect(form.locator("input[name=_name]")).to_have_value("Mail to the team")
    expect(form.locator("select[name='_header[0]']")).to_have_value("Delivered-To")
    expect(form.locator("select[name='_rule_op[0]']")).to_have_value("contains")
    expect(form.locator("[name='_rule_target[0][]'], [name='_rule_target[0]']").first).to_have_value("team@")
    expect(form.locator("select[name='_action_type[0]']")).to_have_value("fileinto")
    expect(form.locator("select[name='_action_mailbox[0]']")).to_have_value("Team")
    form = opened(page, 1)
    expect(form.locator("[name='_rule_target[0][]'], [name='_rule_target[0]']").first).to_have_value('say "hi" \\ 🎉')

    form.locator("input[name=_name]").fill("Changed here")
    form.locator("button.submit").click()
    expect(page.locator("#filterslist")).to_contain_text("Changed here")
    site.admin("rule", "set", MARY, "1", "--if", "delivered_to is team@brand-a.test")
    assert "somebody changed the script" in wait_for_state(site, "foreign")
    site.admin("rule", "take-over", MARY)
    wait_for_state(site, "installed")
    go(page, site, "_task=settings&_action=plugin.managesieve")
    expect(page.locator("#filterslist td.name")).to_have_text(list(RULES))


def opened(page: Page, number: int) -> FrameLocator:
    page.locator("#filterslist td.name").nth(number).click()
    form = page.frame_locator("#filter-box")
    form.locator("button.submit").wait_for()
    return form


def wait_for_state(site: PrivateSite, state: str) -> str:
    """Wait until the command line tells a state of Mary's script, and return what it prints."""

    def listed() -> str | None:
        printed = site.run("rule", "list", MARY).stdout
        return printed if state in printed else None

    return wait_until(listed, 30, f"the state {state}")
