"""Imports on the wire. The report itself is streamed; these describe it."""

from typing import Literal

from pydantic import Field

from admin_api.http.models import Out


class ImportedLine(Out):
    """What became of a line; what it does not have is left out."""

    line: int = Field(ge=1, description="Its number in the file; the first line names the columns.", examples=[2])
    status: Literal["created", "updated", "unchanged", "failed"]
    address: str = Field(default="", description="As the line has it.", examples=["sales@brand-b.com"])
    code: str = Field(
        default="",
        description="Why it failed: a code of this API, or one of `invalid-header`, `invalid-encoding`,"
        " `control-character`, `line-too-long`, `too-many-lines`, `invalid-quoting`, `wrong-number-of-columns`,"
        " `invalid-value`.",
        examples=["address-taken"],
    )
    message: str = Field(default="", examples=["sales@brand-b.com is taken already"])


class ImportReport(Out):
    """What became of all lines, in their order."""

    lines: list[ImportedLine]
    created: int = Field(ge=0, examples=[1])
    updated: int = Field(ge=0, examples=[0])
    unchanged: int = Field(ge=0, examples=[0])
    failed: int = Field(ge=0, examples=[0])
    done_before: int = Field(ge=0, description="How many lines earlier requests with the same key had done.")
    dry_run: bool
    finished: bool = Field(description="Always true: an import that stops answers with a problem.")
