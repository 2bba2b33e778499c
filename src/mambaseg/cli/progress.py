"""Progress bars, shown on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

__all__ = ["bar_of", "progress_on"]


def bar_of(title: str) -> tqdm[Any]:
    """Make a progress bar that counts frames."""
    return tqdm(desc=title, unit="frame", disable=None if sys.stderr else True)


def progress_on(bar: tqdm[Any]) -> Callable[[int, int], None]:
    """Give what tells a bar how many frames are done, of how many."""

    def progress(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return progress
