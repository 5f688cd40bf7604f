"""What every page of the dashboard must be like in a browser, whatever stands on it; each question in the page itself.

All answers are lists of faults, so that a failing test names them all.
"""

from playwright.sync_api import Page

from tests.browser.axe import barriers

WIDTHS = (360, 768, 1440)  # pixels: a phone, a tablet, a desk
HEIGHT = 800

_SMALL = """() => {
  const own = (one) => one.textContent.trim().length;
  const inText = (one) => getComputedStyle(one).display === 'inline' && own(one.parentElement) > own(one);
  return [...document.querySelectorAll('a, button, summary, select, textarea, input:not([type=hidden])')]
  .filter((one) => one.checkVisibility() && !one.matches('.skip') && !inText(one))
  .map((one) => one.closest('label') || one)
  .filter((one) => { const box = one.getBoundingClientRect(); return box.height < 24 || box.width < 24 })
  .map((one) => `under 24 pixels: ${one.outerHTML.slice(0, 120)}`);
}"""
_HIDDEN_FOCUS = """() => {
  const faults = [];
  const all = 'a[href], button, summary, select, textarea, input:not([type=hidden]), [tabindex]';
  for (const one of document.querySelectorAll(all)) {
    if (one.disabled || !one.checkVisibility() || one.tabIndex < 0) continue;
    if (one.tabIndex > 0) faults.push(`out of order: ${one.outerHTML.slice(0, 120)}`);
    one.focus();
    const box = one.getBoundingClientRect();
    const x = (Math.max(box.left, 0) + Math.min(box.right, innerWidth)) / 2;
    const y = (Math.max(box.top, 0) + Math.min(box.bottom, innerHeight)) / 2;
    const top = document.elementFromPoint(x, y);
    const seen = top && (one.contains(top) || top.contains(one) || top.closest('label')?.control === one);
    if (document.activeElement !== one || !seen) faults.push(`not seen when focused: ${one.outerHTML.slice(0, 120)}`);
  }
  document.activeElement?.blur();
  scrollTo(0, 0);
  return faults;
}"""
_FIELDS = """() => {
  const faults = [];
  const fill = new Set(['current-password', 'new-password', 'one-time-code']);
  for (const field of document.querySelectorAll('input, textarea')) {
    if (field.type === 'password' && !fill.has(field.autocomplete)) faults.push(`no password manager: ${field.name}`);
    const paste = new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData: new DataTransfer() });
    if (!field.dispatchEvent(paste)) faults.push(`no pasting: ${field.name}`);
  }
  const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
  return faults.concat(ids.filter((id, at) => ids.indexOf(id) < at).map((id) => `twice: #${id}`));
}"""
_MOVING = """() => [...document.querySelectorAll('*')].filter((one) => {
  const { transitionDuration, animationName } = getComputedStyle(one);
  return animationName !== 'none' || transitionDuration.split(',').some((length) => parseFloat(length) > 0);
}).map((one) => `moves: ${one.outerHTML.slice(0, 120)}`)"""

# Where a line of a heading ends, but for a blank, a hyphen and the place before an @.
_TORN = """() => [...document.querySelectorAll('h1')].filter((one) => one.checkVisibility()).filter((one) => {
  const range = document.createRange();
  const letters = [];
  const walker = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    for (let at = 0; at < walker.currentNode.length; at++) {
      range.setStart(walker.currentNode, at);
      range.setEnd(walker.currentNode, at + 1);
      letters.push([walker.currentNode.data[at], range.getBoundingClientRect().top]);
    }
  }
  return letters.slice(1).some(([letter, top], at) => {
    const [before, above] = letters[at];
    return top > above && /\\S/.test(letter) && letter !== '@' && !/[\\s-]/.test(before);
  });
}).map((one) => `torn: ${one.textContent.trim()}`)"""
_UNEVEN = """() => [...document.querySelectorAll('.sides')].filter((one) => {
  const boxes = [...one.children].map((child) => child.getBoundingClientRect());
  return boxes.slice(1).some((box, at) => box.left > boxes[at].right && box.top !== boxes[at].top);
}).map((one) => `not in one line: ${one.innerText.slice(0, 40)}`)"""


def too_wide(page: Page, width: int) -> list[str]:
    """Return how far the page itself scrolls sideways (WCAG 2.2, 1.4.10)."""
    found = page.evaluate("document.documentElement.scrollWidth")
    return [f"{found} pixels wide at {width}"] if found > width else []


def too_small(page: Page) -> list[str]:
    """Return targets under 24 pixels that stand in no text (2.5.8)."""
    return list(page.evaluate(_SMALL))


def focus_faults(page: Page) -> list[str]:
    """Return what the focus comes to in another order than one reads, or under something else (2.4.3, 2.4.11)."""
    return list(page.evaluate(_HIDDEN_FOCUS))


def field_faults(page: Page) -> list[str]:
    """Return fields that a password manager or pasting cannot fill (3.3.8), and ids that stand there twice."""
    return list(page.evaluate(_FIELDS))


def moving(page: Page) -> list[str]:
    """Return what moves; for somebody who asked for less of that, nothing may."""
    return list(page.evaluate(_MOVING))


def untidy(page: Page) -> list[str]:
    """Return headings whose words are torn apart, and cards side by side of which one hangs."""
    return [*page.evaluate(_TORN), *page.evaluate(_UNEVEN)]


def faults(page: Page) -> list[str]:
    """Return all that is wrong with a page in the light theme, at each width; axe-core asks all at the widest."""
    found = field_faults(page)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        there = [*too_wide(page, width), *untidy(page), *too_small(page), *focus_faults(page)]
        if width in {WIDTHS[0], WIDTHS[-1]}:
            there += barriers(page, only_contrast=width != WIDTHS[-1])
        found += [f"{fault} (at {width} pixels)" for fault in there]
    return found


def faults_in_the_dark(page: Page) -> list[str]:
    """Return what is wrong in the dark, where sizes are those of the light theme; axe-core asks all at the narrowest.

    Whoever likes it dark here has asked for less motion too.
    """
    found = moving(page)
    for width in (WIDTHS[0], WIDTHS[-1]):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        there = barriers(page, only_contrast=width != WIDTHS[0])
        found += [f"{fault} (in the dark, at {width} pixels)" for fault in there]
    return found
