"""A second factor in a real browser: a passkey of Chromium's virtual device, and an app's codes with JavaScript off."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.api.dashboard.factors import code_of
from tests.api.dashboard.visitor import ADMIN, PASSWORD
from tests.api.running_api import RunningApi
from tests.browser.conftest import Watch

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def by_name(pages: RunningApi) -> str:
    """Return the server's address by a name: passkeys are not for 127.0.0.1."""
    return pages.url.replace("127.0.0.1", "localhost")


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/login")
    page.get_by_label("Mail address").fill(ADMIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page) -> None:
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/login")


def test_a_passkey_is_made_and_signs_in(chromium: Browser, pages: RunningApi) -> None:
    url = by_name(pages)
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(20_000)
    watch = Watch(page, url)
    device = context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})

    sign_in(page, url)
    page.wait_for_url("**/mailboxes")
    page.locator(".menu summary").click()
    page.get_by_role("link", name="Security").click()
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name of the device").fill("Blue laptop")
    page.get_by_label("Your password").fill("wrong")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not your password.")
    expect(page.get_by_label("Name of the device")).to_have_value("Blue laptop")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("Blue laptop", exact=True)).to_be_visible()

    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/mailboxes")

    sign_out(page)
    sign_in(page, url)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/mailboxes")
    assert (watch.said, watch.asked) == ([], [])
    context.close()


def test_an_app_without_javascript(chromium: Browser, pages: RunningApi) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(20_000)
    watch = Watch(page, pages.url)
    sign_in(page, pages.url)
    page.goto(f"{pages.url}/security")
    page.get_by_role("link", name="Set up an authenticator app").click()
    secret = re.sub(r"\s", "", page.locator(".setup code").inner_text())
    drawn = page.get_by_role("img", name="QR code").bounding_box()
    assert drawn is not None
    assert drawn["width"] > 150
    page.get_by_label("Code that the app shows").fill(code_of(secret))
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()

    sign_in(page, pages.url)
    page.get_by_label("Code of your authenticator app").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("This code is wrong")
    page.get_by_label("Code of your authenticator app").fill(code_of(secret, 1))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/mailboxes")
    assert watch.asked == []
    context.close()
