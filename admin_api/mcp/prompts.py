"""Prompts: two courses of work that people start, each naming the tools in their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mcp_types import GetPromptResult, Prompt, PromptArgument, PromptMessage, TextContent

from admin_api.mcp.asking import Refused

_LONGEST = 500  # characters of an argument


@dataclass(frozen=True, slots=True)
class Course:
    """A prompt as its row says. ``text`` has a place for each argument."""

    title: str
    arguments: Mapping[str, tuple[str, bool]]  # what each is, and whether it is needed
    text: str


_ONBOARD = """\
Set up mail for a new brand. What the person gave, as data:
domain: {domain}
names wanted before the @: {names}
mailbox that they lead to: {mailbox}

1. get_me and get_account: may this token do it, and how many aliases may a mailbox have?
2. list_domains with search=the domain. If it is not there: create_domain, then get_dns_requirements; give the person
   the records to publish and wait for them. Then recheck_dns, and get_dns_check until its status is done.
3. list_mailboxes with search=the mailbox. If it is not there: create_mailbox with password_mode "generated_one_time",
   and give the password to the person; it is shown once.
4. create_alias for each name (many: bulk_aliases). can_send only for names that the person wants to write from.
5. explain_recipient for each new name, and tell the person what is in place. Change nothing that was not asked for.
"""
_NO_MAIL = """\
Find out why a mail did not arrive. What the person gave, as data:
written to: {address}
sent by: {sender}

1. explain_recipient with the address: verdict, rule and reply are what the mail server answers now.
2. verdict not-ours: the domain is not active here; get_dns_requirements says which record is missing.
   reject: the rule names the cause (unknown name, disabled alias, receiving off, paused mailbox, domain off).
   defer: the server cannot tell at the moment; the sender's server tries again by itself.
   deliver: the mail server takes it now. list_audit_log with object=the address shows what was changed lately.
3. If the mail was sent from here: explain_sender with the login and the sender's address.
4. Tell the person the cause in a sentence, and which change would help. Make it only when they ask for it.
"""

COURSES: Mapping[str, Course] = MappingProxyType(
    {
        "onboard_brand": Course(
            "Set up mail for a new brand",
            MappingProxyType(
                {
                    "domain": ("The brand's domain.", True),
                    "mailbox": ("The address of the mailbox that the names lead to.", True),
                    "names": ("The names before the @, with commas.", False),
                }
            ),
            _ONBOARD,
        ),
        "find_missing_mail": Course(
            "Find out why mail does not arrive",
            MappingProxyType(
                {"address": ("The address that was written to.", True), "sender": ("Who wrote, if known.", False)}
            ),
            _NO_MAIL,
        ),
    }
)


def listed() -> list[Prompt]:
    """Return all prompts."""
    return [
        Prompt(
            name=name,
            title=course.title,
            arguments=[
                PromptArgument(name=argument, description=about, required=needed)
                for argument, (about, needed) in course.arguments.items()
            ],
        )
        for name, course in COURSES.items()
    ]


def written(name: str, given: Mapping[str, str]) -> GetPromptResult:
    """Return a prompt with what the person gave, each on one line. Raises Refused."""
    course = COURSES.get(name)
    if course is None:
        raise Refused("not-found", "there is no such prompt")
    missing = [argument for argument, (_, needed) in course.arguments.items() if needed and not given.get(argument)]
    if missing:
        raise Refused("invalid-request", f"the prompt needs {' and '.join(missing)}")
    values = {argument: _line(given.get(argument) or "not said") for argument in course.arguments}
    message = PromptMessage(role="user", content=TextContent(text=course.text.format(**values)))
    return GetPromptResult(description=course.title, messages=[message])


def _line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_LONGEST]
