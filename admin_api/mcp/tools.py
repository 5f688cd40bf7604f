"""The tools: a row for each. What a tool takes and answers, and who may use it, is its operation's (REST)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from mcp_types import ToolAnnotations

from admin_api.http.operations import Operation

Effect = Literal["reads", "adds", "changes"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as its row says."""

    name: str
    says: str  # what it is for, to an agent
    effect: Effect
    operation: str  # of REST, by its name
    then: str = ""  # what to do after it
    keeps_answer: bool = True  # False: calling it again is a request of its own, and no idempotency key is made
    repeats_for_ever: bool = True  # False: the same call a day later does it again
    reaches_out: bool = False  # beyond this server
    ends_with: str = ""  # the operation whose answer it gives, where it asks for a second one
    switches: Mapping[str, str] = field(default_factory=dict)  # arguments that are headers of the operation

    @property
    def is_change(self) -> bool:
        """Whether it changes anything."""
        return self.effect != "reads"

    @property
    def answered_by(self) -> str:
        """The operation whose answer it gives."""
        return self.ends_with or self.operation

    @property
    def annotations(self) -> ToolAnnotations:
        """What clients are told about its effect."""
        return ToolAnnotations(
            read_only_hint=not self.is_change,
            destructive_hint=self.effect == "changes",
            idempotent_hint=self.repeats_for_ever,
            open_world_hint=self.reaches_out,
        )


def _reads(name: str, says: str, operation: str = "") -> Tool:
    return Tool(name, says, "reads", operation or name)


_ONCE_SHOWN = "The secret stands in this answer only: give it to the person, and keep it nowhere else."

_LOOK_AT_SCRIPT = "list_rules says under script whether the mail server has taken it"

_ROWS = (
    _reads("get_me", "Say which token this is, whose, and what it may do. A good first call."),
    _reads("get_account", "The account: its plan, how many aliases a mailbox may have, what it has."),
    _reads("get_own_mailbox", "The mailbox that this token sends from."),
    _reads("list_domains", "The account's domains, by name. Names can be made on those whose status is active."),
    _reads("get_domain", "One domain: its status, catch-all and system mailbox."),
    Tool(
        "create_domain",
        "Add a domain. It is pending and holds nothing until its DNS record proves that it is the account's.",
        "adds",
        "create_domain",
        then="call get_dns_requirements and have a person publish the record with purpose ownership",
    ),
    Tool(
        "update_domain",
        "Switch a domain on or off (off: mail to it is refused), or choose the mailbox for postmaster, abuse and the"
        " like.",
        "changes",
        "change_domain",
    ),
    Tool(
        "update_catch_all",
        "Choose the mailbox for names that nobody has at a domain, and switch that on or off.",
        "changes",
        "change_catch_all",
    ),
    Tool(
        "delete_domain",
        "Delete a domain for good. One that still holds names is only deleted with delete_contents, and they go too.",
        "changes",
        "delete_domain",
        switches=MappingProxyType({"delete_contents": "X-Confirm-Delete"}),
    ),
    _reads("get_dns_requirements", "The DNS records that a domain should have, and what the last check found."),
    Tool(
        "recheck_dns",
        "Have a domain's DNS records looked up now.",
        "adds",
        "recheck_dns",
        then="call get_dns_check with check_id = the id in this answer until its status is done",
        keeps_answer=False,
        reaches_out=True,
    ),
    _reads("get_dns_check", "A check of DNS records: whether it is done, and what it found."),
    _reads("list_mailboxes", "The mailboxes, by domain and name; an alias leads to one of them."),
    _reads("get_mailbox", "One mailbox."),
    Tool(
        "create_mailbox",
        'Make a mailbox on an active domain, with a password or with password_mode "generated_one_time", not both.',
        "adds",
        "create_mailbox",
        then="a generated password stands in this answer only: give it to the person, and keep it nowhere else",
    ),
    Tool("update_mailbox", "Change the display name of a mailbox; null clears it.", "changes", "change_mailbox"),
    Tool("set_mailbox_password", "Set another password; the one before is valid no more.", "changes", "set_password"),
    Tool(
        "pause_mailbox",
        "Pause a mailbox: mail to it and to its aliases is refused and it may not send, until resume_mailbox.",
        "changes",
        "pause_mailbox",
    ),
    Tool("resume_mailbox", "Let a paused mailbox work again.", "adds", "resume_mailbox"),
    Tool(
        "delete_mailbox",
        "Delete a mailbox for good, with its aliases. A person is shown first which these are.",
        "changes",
        "intend_deletion",
        keeps_answer=False,
        ends_with="confirm_deletion",
    ),
    _reads("list_aliases", "All aliases of a mailbox, its own address, and how many it may have."),
    _reads("get_alias", "One alias of a mailbox."),
    Tool(
        "create_alias",
        "Give a mailbox another name, on any active domain of the account: mail to the name arrives in the mailbox."
        " With can_send the mailbox may also send as it. An alias cannot be renamed.",
        "adds",
        "create_alias",
        then="mail to it arrives at once; explain_recipient shows why",
    ),
    Tool(
        "update_alias",
        "Say what an alias may do (can_receive, can_send) and until when (expires_at, expires_after, expires_when_idle;"
        " null lifts one), from whom it takes mail (senders), disable or enable it (is_active), change its note."
        " A disabled alias refuses mail and stays reserved: better than deleting while somebody may still use it.",
        "changes",
        "change_alias",
    ),
    Tool(
        "block_sender",
        "Take no more mail from a sender at one alias: an address, a domain, or .domain for all names below one.",
        "changes",
        "block_sender",
    ),
    Tool(
        "delete_alias",
        "Delete an alias for good; its name is free at once, unless the account keeps deleted names"
        " (list_kept_names). To stop its mail for a while use update_alias.",
        "changes",
        "delete_alias",
    ),
    _reads("list_kept_names", "Deleted names that the account keeps from other mailboxes, and until when."),
    Tool(
        "free_kept_name",
        "Free a deleted name before its time, so that any mailbox may take it. A person is asked first.",
        "changes",
        "free_kept_name",
    ),
    Tool(
        "bulk_aliases",
        "Create, update and delete up to 1,000 aliases in the order given, all or none (atomic), or with dry_run only"
        " look whether it would work.",
        "changes",
        "change_aliases",
    ),
    _reads(
        "get_alias_stats",
        "How many mails to an alias were accepted and refused, by day: is it still in use, is it being spammed?",
    ),
    _reads(
        "list_alias_senders",
        "Who wrote to an alias, the latest first; empty unless the account has this remembered"
        " (remember_senders_days).",
    ),
    _reads("list_rules_of_alias", "The rules that name an alias: look before you delete it.", "list_naming_rules"),
    _reads(
        "list_rules",
        "How a mailbox sorts its mail: all its rules in their order, and under script whether the mail server runs"
        " them.",
    ),
    _reads("get_rule", "One rule of a mailbox."),
    Tool(
        "create_rule",
        "Add a rule that files, marks, forwards or discards a mailbox's mail, such as a folder for each alias: field"
        " delivered_to, operator is, value the alias; type move, value the folder. One that forwards or discards is"
        " shown to a person first.",
        "adds",
        "create_rule",
        then=_LOOK_AT_SCRIPT,
    ),
    Tool(
        "update_rule",
        "Change a rule; conditions and actions are replaced all together. A person is asked where it forwards or"
        " discards then.",
        "changes",
        "change_rule",
        then=_LOOK_AT_SCRIPT,
    ),
    Tool("delete_rule", "Delete a rule for good. To stop it for a while: update_rule.", "changes", "delete_rule"),
    Tool(
        "reorder_rules",
        "Put a mailbox's rules in another order; rule_ids names all of them. A rule with stop keeps mail from those"
        " after it.",
        "changes",
        "reorder_rules",
    ),
    _reads("preview_rules", "The Sieve script as it is written from a mailbox's rules.", "preview_script"),
    _reads("test_rules", "What a mailbox's rules would do with a message. Nothing is filed or sent.", "try_rules"),
    Tool(
        "take_over_rules",
        "Have a mailbox's rules run although the mail server has another script active (state foreign): that one is"
        " kept, and runs after them. Ask the person first.",
        "changes",
        "take_over",
        then=_LOOK_AT_SCRIPT,
        keeps_answer=False,
    ),
    Tool(
        "give_back_rules",
        "Have a mailbox's rules run no longer, and the person's own script again. The rules are kept.",
        "changes",
        "give_back",
        then=_LOOK_AT_SCRIPT,
        keeps_answer=False,
    ),
    _reads(
        "explain_recipient",
        "What happens to a mail for an address at one of the account's domains, and why, by the mail server's rules.",
    ),
    _reads("explain_sender", "Whether a login may send as an address, and why, by the mail server's rules."),
    _reads("list_audit_log", "Who changed what and when, the latest first, with before and after.", "list_changes"),
    _reads("list_tokens", "The account's tokens, without their secrets."),
    Tool(
        "create_token",
        "Make a token of the account, or of one mailbox (mailbox_id). It cannot have a scope that this one lacks.",
        "adds",
        "create_token",
        then=_ONCE_SHOWN,
        repeats_for_ever=False,
    ),
    Tool("delete_token", "Delete a token; whoever uses it is locked out at once.", "changes", "delete_token"),
    _reads("list_identities", "The addresses that a mailbox may send as."),
    Tool(
        "send_message",
        "Send a mail as the mailbox of this token, or as one of its aliases (from: see list_identities).",
        "changes",
        "send",
        then="call get_message with message_id = the id in this answer until its status is sent or refused",
        repeats_for_ever=False,
        reaches_out=True,
    ),
    _reads("get_message", "What became of a mail that was sent with send_message."),
)

TOOLS: Mapping[str, Tool] = MappingProxyType({tool.name: tool for tool in _ROWS})

# Operations that are no tools, and why.
LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "create_account": "operators only: opening accounts is not for agents",
        "list_accounts": "operators only",
        "get_account_by_id": "operators only",
        "change_account": "operators only: plans and suspension are not for agents",
        "delete_account": "operators only",
        "change_account_settings": "what an account decides for itself is for a person to choose",
        "confirm_deletion": "the second half of delete_mailbox",
        "get_profile": "a file for a phone, which nobody can install by way of an agent",
        "replace_rule": "update_rule does the same",
        "order_rules": "reorder_rules does the same",
        "import_aliases": "a file: bulk_aliases does the same for what an agent can write",
        "export_aliases": "a file: list_aliases reads the same, mailbox by mailbox",
    }
)


def may_use(operation: Operation, kind: str, scopes: frozenset[str]) -> bool:
    """Return whether a token of a kind, with these scopes and all that they imply, may ask for an operation."""
    return kind in operation.rule.kinds and scopes.issuperset(operation.rule.scopes_of(kind))
