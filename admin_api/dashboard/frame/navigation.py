"""The pages that the bar on top leads to, in one table."""

from dataclasses import dataclass

from admin_api.dashboard.frame.rights import Rights
from admin_api.dashboard.frame.route import Who


@dataclass(frozen=True, slots=True)
class Section:
    """An entry of the bar: it is marked on its page and on all below."""

    path: str
    word: str
    who: Who


SECTIONS = (
    Section("/mailboxes", "Mailboxes", "admins"),
    Section("/domains", "Domains", "admins"),
    Section("/bulk", "Bulk", "admins"),
    Section("/test", "Test", "admins"),
    Section("/audit", "Audit", "admins"),
    Section("/account", "Account", "customers"),
    Section("/operator", "Operator", "operators"),
)


def sections(rights: Rights) -> list[Section]:
    """Return those that a person has."""
    return [section for section in SECTIONS if rights.may_see(section.who)]
