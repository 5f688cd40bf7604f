"""Filter rules on the wire. Some words of Sieve are taken as well (RFC 5228, 3894, 5232), and shown in ours."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from admin_api.http.models import PRINTED, TRIMMED, Body, Id, Moment, Out, unsent
from routing.filters.model import MARKS, UNNAMED, Action, ActionType, Condition
from store.services.filters.views import State

_SIZE = r"^([0-9]{1,9}|[0-9]{1,6}[Kk]|[0-9]{1,3}[Mm]|1[Gg])$"
_HEADER_NAME = r"^[!-9;-~]{1,76}$"

# words of Sieve for actions, and ours
_OUR_WORDS: dict[str, ActionType] = {"fileinto": "move", "redirect": "forward", "redirect_copy": "forward"}
_ABSENT = {
    ("field", "body"): "rules look at the header and the size; take subject, or header with header_name",
    ("operator", "exists"): "take matches with the value *, which any field fits that is there",
    ("type", "reject"): "mail has been accepted when rules run; take discard, or disable the alias to have it refused",
}

RuleName = Annotated[
    str, Field(min_length=1, max_length=100, description="Printable.", examples=["Sales into a folder"]), TRIMMED
]
Value = Annotated[str, Field(min_length=1, max_length=500, examples=["sales@brand-b.com"]), PRINTED]
TextOperator = Literal["is", "contains", "starts", "ends", "matches"]
_NOT_HERE = "For the field header only."


class _Condition(Body):
    def condition(self) -> Condition:
        """Return it as the rules have it."""
        return Condition(**self.model_dump())


class TextCondition(_Condition):
    """Where mail was written to, who wrote it to whom, about what."""

    field: Literal["delivered_to", "from", "to", "subject"] = Field(
        description="delivered_to: the name that it came through, with or without a detail. to: To and Cc."
    )
    operator: TextOperator = Field(description="matches: a pattern with * and ?.")
    value: Value
    header_name: None = Field(default=None, description=_NOT_HERE)


class HeaderCondition(_Condition):
    """Any field of the header."""

    field: Literal["header"]
    operator: TextOperator
    value: Value
    header_name: str = Field(pattern=_HEADER_NAME, examples=["List-Id"])


class SizeCondition(_Condition):
    """How large the message is."""

    field: Literal["size"]
    operator: Literal["over", "under"]
    value: str = Field(pattern=_SIZE, description="Octets, or a number with K, M or G.", examples=["5M"])
    header_name: None = Field(default=None, description=_NOT_HERE)


class _Action(Body):
    def action(self) -> Action:
        """Return it as the rules have it."""
        given = self.model_dump()
        return Action(_OUR_WORDS.get(given["type"], given["type"]), given["value"])


class FolderAction(_Action):
    """Into a folder, which is made if there is none; copy: and on it goes. fileinto is move."""

    type: Literal["move", "copy", "fileinto"]
    value: str = Field(
        min_length=1, max_length=200, description="/ parts a folder from the one above.", examples=["Sales"]
    )


class ForwardAction(_Action):
    """A copy to somebody else; with discard nothing stays here. redirect_copy is forward, redirect both."""

    type: Literal["forward", "redirect", "redirect_copy"]
    value: str = Field(
        min_length=3,
        max_length=254,
        description="A mailbox or alias of the account, or what the operator lets out.",
        examples=["mary@brand-a.com"],
    )


class MarkAction(_Action):
    """Marked as read."""

    type: Literal["mark"]
    value: Literal["read"]


class FlagAction(_Action):
    """mark read, or flag, by the flag of IMAP."""

    type: Literal["addflag"]
    value: Literal["\\Seen", "\\Flagged"]

    def action(self) -> Action:
        """Return it as the rules have it."""
        mark = next((name for name, flag in MARKS.items() if flag == self.value), None)
        return Action("flag") if mark is None else Action("mark", mark)


class BareAction(_Action):
    """Flagged, or thrown away."""

    type: Literal["flag", "discard"]
    value: None = None


def _refuse_absent(part: object) -> object:
    """Say what there is in the place of what other filters have and these do not."""
    for (name, value), instead in _ABSENT.items():
        if isinstance(part, dict) and part.get(name) == value:
            raise ValueError(f"there is no {value}: {instead}")
    return part


AnyCondition = Annotated[
    TextCondition | HeaderCondition | SizeCondition, Field(discriminator="field"), BeforeValidator(_refuse_absent)
]
AnyAction = Annotated[
    FolderAction | ForwardAction | MarkAction | FlagAction | BareAction,
    Field(discriminator="type"),
    BeforeValidator(_refuse_absent),
]
Conditions = Annotated[list[AnyCondition], Field(min_length=1, max_length=20)]
Actions = Annotated[list[AnyAction], Field(max_length=10, description="None only with stop.")]
Position = Annotated[int, Field(ge=1, le=100_000, description="Its place, from 1; left out: the last one.")]


class _RuleBody(Body):
    def fields(self) -> dict[str, Any]:
        """Return the fields that were sent, as the rules have them."""
        given = self.given()
        if "conditions" in given:
            given["conditions"] = tuple(one.condition() for one in given["conditions"])
        if "actions" in given:
            given["actions"] = tuple(_meant(given["actions"]))
        return given


def _meant(actions: Iterable[_Action]) -> Iterable[Action]:
    """Return actions as the rules have them: what is redirected and filed nowhere is discarded here."""
    given = [(one, one.action()) for one in actions]
    yield from (action for _, action in given)
    leaves = any(isinstance(one, ForwardAction) and one.type == "redirect" for one, _ in given)
    if leaves and not {"move", "discard"} & {action.type for _, action in given}:
        yield Action("discard")


class NewRule(_RuleBody):
    """A rule to be added."""

    name: RuleName = UNNAMED
    match_type: Literal["all", "any"] = "all"
    conditions: Conditions
    actions: Actions = Field(default=[])
    stop: bool = Field(default=False, description="Later rules, and the owner's own script, do not see the message.")
    enabled: bool = True
    position: Position = unsent()


class RuleChange(_RuleBody):
    """What to change of a rule; what is left out stays. Conditions and actions are replaced all together."""

    name: RuleName = unsent()
    match_type: Literal["all", "any"] = unsent()
    conditions: Conditions = unsent()
    actions: Actions = unsent()
    stop: bool = unsent()
    enabled: bool = unsent()


class RuleReplacement(RuleChange):
    """A rule as it is to be; of the fields beside conditions and actions what is left out stays."""

    conditions: Conditions
    actions: Actions


class RuleOrder(Body):
    """All rules of the mailbox, in the order in which they are to run."""

    rule_ids: list[Id] = Field(max_length=100_000, examples=[[3, 1, 2]])


class Order(Body):
    """The same by another name."""

    order: list[Id] = Field(max_length=100_000, examples=[[3, 1, 2]])


class MessageToTry(Body):
    """A message as the mail server would hand it over: header, empty line, text."""

    message: str = Field(
        max_length=900_000,
        examples=["Delivered-To: sales@brand-b.com\nFrom: ann@customer.example\nSubject: An order\n\nHello.\n"],
    )


class ShownCondition(Out):
    """A condition."""

    field: str
    operator: str
    value: str
    header_name: str | None


class ShownAction(Out):
    """An action."""

    type: str
    value: str | None


class FilterRule(Out):
    """A rule of a mailbox."""

    id: Id
    mailbox_id: Id
    position: int = Field(ge=1, examples=[1])
    name: str
    match_type: str
    conditions: list[ShownCondition]
    actions: list[ShownAction]
    stop: bool
    enabled: bool
    created_at: Moment
    updated_at: Moment


class FilterScript(Out):
    """How far the script that is written from the rules has come."""

    state: State = Field(
        description="off: it is not to run, or nothing takes it. pending: on its way. refused: the mail server said no."
        " foreign: somebody else's script is active, or ours was changed; `:take-over` settles it."
    )
    code: str | None = Field(description="Why it is not installed, in one word of docs/filters.md.")
    reason: str | None = Field(description="The same in words: what the mail server said, or why it waits.")
    wanted_version: int
    installed_version: int = Field(description="0: none.")
    own_script: str | None = Field(description="The owner's own script, which runs after the rules.")
    attempts: int
    next_try_at: Moment | None
    changed_at: Moment | None
    installed_at: Moment | None


class RuleUsage(Out):
    """How many rules a mailbox has, and may have."""

    used: int = Field(examples=[2])
    limit: int = Field(examples=[200])


class RulesOfMailbox(Out):
    """All rules of one mailbox in their order; this list has no pages."""

    data: list[FilterRule]
    script: FilterScript
    usage: RuleUsage


class LeftOut(Out):
    """A forwarding that is no longer allowed."""

    rule: str
    address: str
    reason: str


class WrittenScript(Out):
    """The Sieve script as the rules are now."""

    text: str
    left_out: list[LeftOut]


class Done(Out):
    """One thing that the rules do with a message."""

    type: Literal["store", "forward", "discard"]
    folder: str | None = Field(description="INBOX: it stays there.")
    address: str | None
    flags: list[str]


class NamingRule(Out):
    """A rule that names an alias."""

    id: Id
    name: str
    mailbox_id: Id
    mailbox: str
    forwards: bool = Field(description="true: it forwards to the alias. false: a condition is about it.")
