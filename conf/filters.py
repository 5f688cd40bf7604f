"""The section of the settings for filters: where scripts go, and what rules may do."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Strict

from conf.sections import Count, HostPort, Section

_TARGET = re.compile(r"[^\s@<>\"\\\x00-\x20\x7f]*@?[^\s@.,:;/\\\"'()<>\[\]]+(?:\.[^\s@.,:;/\\\"'()<>\[\]]+)+")


def _target(text: str) -> str:
    if text != "*" and not _TARGET.fullmatch(text):
        raise ValueError("must be an address, a domain, or * for every address")
    return text


ForwardTarget = Annotated[str, AfterValidator(_target)]


class FiltersSettings(Section):
    """Rules by which mailboxes sort their mail, and the ManageSieve server that takes the scripts written from them."""

    server: HostPort | None = None
    separator: Literal[".", "/"] = "."
    forward: Annotated[tuple[ForwardTarget, ...], Strict(False)] = ()
    max_rules: Count = 200
    max_script_bytes: Count = 262_144
