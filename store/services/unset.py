"""An argument that was not given, where None means something."""

from enum import Enum
from typing import Final, Literal


class Unset(Enum):
    """The type of :data:`UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
NotGiven = Literal[Unset.UNSET]
