"""What the numbers in keys say."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["count"]


def count(keys: Iterable[str], prefix: str) -> int:
    """How many numbered modules stand behind a prefix, such as "layers.0.blocks."."""
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
    return len({match[1] for key in keys if (match := pattern.match(key))})
