"""How a call is cut into programs, and orders as kernels read them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import torch

from mambaseg.ops.triton.pieces import TILE as _TILE

__all__ = ["TILE", "Cut", "backward_block", "channel_block", "cut", "flat", "order_numbers"]

TILE: int = _TILE.value


ENOUGH = 10
"""Programs of one warp that keep a multiprocessor's exponential unit busy."""

WANTED = 16
"""Programs that a multiprocessor gets where sequences are cut: they hide the way to memory too."""


class Cut(NamedTuple):
    """Into how many chunks (slots) a sequence is cut, and the steps of each."""

    slots: int
    chunk: int


@functools.cache
def processors(device: torch.device) -> int:
    """Multiprocessors of a GPU; one for the interpreter."""
    if device.type != "cuda":
        return 1
    return int(torch.cuda.get_device_properties(device).multi_processor_count)


def cut(blocks: int, length: int, device: torch.device) -> Cut:
    """Cut a sequence that `blocks` programs could scan whole.

    If there are enough of them, each scans its sequence in one go. Otherwise sequences are cut
    into chunks of one or several tiles, which computes all states twice.
    """
    tiles = -(-length // TILE)
    if blocks >= ENOUGH * processors(device):
        return Cut(1, tiles * TILE)
    slots = min(tiles, -(-WANTED * processors(device) // max(blocks, 1)))
    per_slot = -(-tiles // slots)
    return Cut(-(-tiles // per_slot), per_slot * TILE)


def channel_block(heads: int, states: int, device: torch.device) -> int:
    """Channels of a program: two per lane share a load of B and C, where that wastes no lanes."""
    if device.type != "cuda":  # the interpreter takes any number at once
        return 1 << (heads - 1).bit_length()
    return 64 if states <= 16 and -(-heads // 32) % 2 == 0 else 32


def backward_block(heads: int, device: torch.device) -> int:
    """Channels of a backward program: two per lane, so that all it holds fits in registers."""
    return 16 if device.type == "cuda" else max(8, channel_block(heads, 0, device))


@functools.lru_cache(maxsize=256)
def order_numbers(
    chunks: tuple[int, ...], backwards: tuple[bool, ...], length: int
) -> tuple[tuple[int, ...], ...]:
    """Give, each for all directions: chunks, tokens of one, magic number, shift, backwards.

    With s = ceil(log2 chunks) and m = 2^32 (2^s - chunks) // chunks + 1, t // chunks is
    (high half of (t * m) + t) >> s for all t < 2^31 (Granlund and Montgomery 1994).
    """
    shifts = [(n - 1).bit_length() for n in chunks]
    magic = [(1 << 32) * ((1 << s) - n) // n + 1 for n, s in zip(chunks, shifts, strict=True)]
    signed = tuple(m - (1 << 32) if m >= 1 << 31 else m for m in magic)
    per_chunk = tuple(length // n for n in chunks)
    return chunks, per_chunk, signed, tuple(shifts), tuple(int(x) for x in backwards)


def flat(strides: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Join the strides of several tensors."""
    return tuple(s for some in strides for s in some)
