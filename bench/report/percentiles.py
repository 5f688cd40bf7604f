"""Percentiles of measured times."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of them do not exceed (nearest rank)."""
    rank = math.ceil(round(share * len(values), 6))  # 0.99 * 100 is a little more than 99
    return sorted(values)[max(rank, 1) - 1]
