"""What all bodies and answers share: strictness, envelopes, paging, and the types of single fields."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from fastapi import Header, Path, Query
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
)
from pydantic_core import CoreSchema

LARGEST_ID = 2**63 - 1
_UNPRINTED = r"^[^\x00-\x1f\x7f-\x9f]*$"  # no control characters

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class DocumentedPattern:
    """A pattern that the description shows; the services check it, and more, with messages of their own."""

    pattern: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Add the pattern."""
        return {**handler(schema), "pattern": self.pattern}


PRINTED = DocumentedPattern(_UNPRINTED)
TRIMMED = DocumentedPattern(r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$")


class Body(BaseModel):
    """A body as it is taken: no unknown fields, no silent change of types."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    def given(self) -> dict[str, Any]:
        """Return the fields that were sent, to be handed on as arguments."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def unsent(**more: Any) -> Any:
    """Return the default of a field that may be left out, but not be null: :meth:`Body.given` has it if it was sent."""
    return Field(default=None, json_schema_extra=_without_default, **more)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


class Out(BaseModel):
    """An answer, or a part of one; built from the services' views by their attributes."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    @classmethod
    def of(cls, view: object) -> Self:
        """Return ``view`` as it goes over the wire, without the fields that are for the command line only."""
        return cls.model_validate(view)


class WithSecrets(Out):
    """An answer that shows something once, and that is kept for a repeat without it."""

    @abstractmethod
    def without_secrets(self) -> Self:
        """Return the answer as it may be kept."""


class Answer(Out, Generic[Item]):
    """One object."""

    data: Item

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Name the schema after what it holds."""
        return f"{params[0].__name__}Answer"


class Meta(Out):
    """Where in a list a page is."""

    page: int = Field(ge=1, examples=[1])
    per_page: int = Field(ge=1, le=100, examples=[25])
    total: int = Field(ge=0, description="How many there are on all pages together.", examples=[2])


class Listing(Out, Generic[Item]):
    """A page of a list."""

    data: list[Item]
    meta: Meta

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Name the schema after what it holds."""
        return f"{params[0].__name__}Listing"


def _is_written_moment(value: object) -> object:
    """Take RFC 3339 text only: a bare number or date could mean anything."""
    if isinstance(value, str) and len(value) >= len("2026-01-01T00:00:00Z") and value[10] in "Tt ":
        return value
    raise ValueError("must be a moment as in 2026-11-23T10:00:00Z")


def _in_utc(moment: datetime) -> datetime:
    """Return the same moment as UTC; a view of an unsaved row may have it in the client's zone."""
    return moment.astimezone(UTC)


def _whole(value: object) -> object:
    """Take ``7.0`` for 7: to JSON Schema, as to JavaScript, they are one number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
Moment = Annotated[datetime, Field(examples=["2026-11-23T10:00:00Z"]), AfterValidator(_in_utc)]
GivenMoment = Annotated[
    AwareDatetime, Field(strict=False, examples=["2027-01-01T00:00:00Z"]), BeforeValidator(_is_written_moment)
]
Id = Annotated[int, Field(ge=1, le=LARGEST_ID, examples=[7]), WHOLE]
PathId = Annotated[int, Path(ge=1, le=LARGEST_ID, examples=[7])]
SearchText = Annotated[
    str,
    Query(max_length=100, pattern=_UNPRINTED, description="Only what holds this text, in upper or lower case."),
]
LocalPart = Annotated[
    str,
    Field(
        description="The name before the @: a-z 0-9 . _ -, at most 64, no dot first, last or doubled.",
        json_schema_extra={"minLength": 1, "maxLength": 64, "pattern": r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*$"},
        examples=["sales"],
    ),
]
Confirmation = Annotated[
    Literal["true", "false"],
    Header(alias="X-Confirm-Delete", description="true: yes, delete it, with everything that goes with it."),
]
