"""How people use a page: with a mouse, or with the keyboard alone."""

from typing import Protocol

from playwright.sync_api import Locator, Page

_MOST_TABS = 120
_HAS_FOCUS = "one => one === document.activeElement"


class Hands(Protocol):
    """What one does on a page, whatever with."""

    def press(self, target: Locator) -> None:
        """Press a button, follow a link."""

    def write(self, field: Locator, text: str) -> None:
        """Write into an empty field."""

    def choose(self, field: Locator, option: str) -> None:
        """Choose from a list."""


class Mouse:
    """Points, and clicks."""

    def press(self, target: Locator) -> None:
        target.click()

    def write(self, field: Locator, text: str) -> None:
        field.fill(text)

    def choose(self, field: Locator, option: str) -> None:
        field.select_option(label=option)


class Keyboard:
    """Goes from one to the next with Tab; nothing is ever focused by another way."""

    def __init__(self, page: Page) -> None:
        self._keyboard = page.keyboard

    def press(self, target: Locator) -> None:
        self._go_to(target)
        self._keyboard.press("Enter")

    def write(self, field: Locator, text: str) -> None:
        self._go_to(field)
        self._keyboard.type(text)

    def choose(self, field: Locator, option: str) -> None:
        self._go_to(field)
        self._keyboard.type(option)

    def _go_to(self, target: Locator) -> None:
        target.wait_for()
        for _ in range(_MOST_TABS):
            if target.evaluate(_HAS_FOCUS):
                return
            self._keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {target}")
