"""How a call is cut into tasks, and how much scratch one needs."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray

from mambaseg.ops.cpu.tiles import BLOCK, TILE
from mambaseg.ops.cpu.vectors import LANES, STATES

__all__ = ["Task", "cut", "new_scratch"]

MAX_BLOCKS = 16
"""Blocks of channels in a task: its tiles must fit in the processor's second-level cache."""

SMALL = 1 << 16
"""Numbers in a tensor below which more than one thread does not pay."""


class Task(NamedTuple):
    """Neighbouring channels of one sample that share B and C.

    A group whose channels are cut into several tasks has as many parts.
    """

    sample: int
    group: int
    part: int
    channels: slice


def cut(batch: int, length: int, width: int, groups: int) -> tuple[list[Task], int]:
    """Give the tasks, and the number of parts of each group."""
    heads = width // groups
    blocks = -(-heads // LANES)
    threads = torch.get_num_threads() if batch * length * width > SMALL else 1
    parts = min(blocks, max(-(-blocks // MAX_BLOCKS), -(-threads // max(batch * groups, 1))))
    size = -(-blocks // parts) * LANES
    starts = range(0, heads, size)
    tasks = [
        Task(b, g, part, slice(g * heads + start, g * heads + min(start + size, heads)))
        for b in range(batch)
        for g in range(groups)
        for part, start in enumerate(starts)
    ]
    return tasks, len(starts)


def new_scratch(channels: slice, states: int) -> NDArray[Any]:
    """Give the scratch of one task; it begins at a cache line, as all of torch's memory does."""
    width = -(-(channels.stop - channels.start) // LANES) * LANES
    padded = -(-states // STATES) * STATES
    per_channel = 6 * TILE * width
    per_state = 3 * TILE * padded + 2 * TILE * padded * LANES
    per_block = 4 * width * padded + (2 * TILE + 1) * BLOCK
    scratch: NDArray[Any] = torch.empty(per_channel + per_state + per_block).numpy()
    return scratch
