"""Which of two backends is faster: measured once per device and class of shapes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

import torch
from torch import Tensor

from mambaseg.ops.operators import Operators

__all__ = ["fastest"]

ROUNDS = 5
LARGEST = 1 << 24
"""Numbers in a measured tensor at most: beyond, times grow with the length alone."""

_known: dict[tuple[object, ...], str] = {}


def shape_class(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give directions, B, L and D rounded down to powers of two, L less for large tensors."""
    directions, batch, length, width = (1 << (n.bit_length() - 1) for n in shape)
    longest = max(64, LARGEST // (batch * width))
    return directions, batch, min(length, longest), width


def fastest(
    device: torch.device,
    dtype: torch.dtype,
    shape: tuple[int, ...],
    candidates: Mapping[str, Operators],
) -> str | None:
    """Give the fastest backend's name for shapes (directions, B, L, D) like this one.

    None while a graph is recorded, where nothing can be measured, and where memory is short.
    """
    key = (device, dtype, *shape_class(shape))
    if key not in _known:
        if torch.cuda.is_current_stream_capturing():
            return None
        try:
            times = _times(device, dtype, shape_class(shape), candidates)
        except torch.OutOfMemoryError:  # the call itself may fit
            return None
        _known[key] = min(times, key=times.__getitem__)
    return _known[key]


def _times(
    device: torch.device,
    dtype: torch.dtype,
    shape: tuple[int, ...],
    candidates: Mapping[str, Operators],
) -> dict[str, float]:
    directions, batch, length, width = shape
    states = 16

    def tokens(*rest: int) -> list[Tensor]:
        return [torch.zeros(batch, length, *rest, device=device, dtype=dtype)] * directions

    arguments = (
        *(tokens(width), tokens(width)),
        torch.zeros(directions, width, states, device=device) - 1,
        *(tokens(1, states), tokens(1, states)),
        *(None, None, None, True, [1] * directions, [False] * directions, False),
    )
    times: dict[str, list[float]] = {name: [] for name in candidates}
    with torch.no_grad(), torch.cuda.device(device):
        for number in range(ROUNDS + 1):
            for name, operators in candidates.items():
                start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                start.record()
                operators.scan(*arguments)
                end.record()
                end.synchronize()
                if number:  # the first round compiles
                    times[name].append(start.elapsed_time(end))
    return {name: statistics.median(values) for name, values in times.items()}
