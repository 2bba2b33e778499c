"""A scan over local and global tokens: LoG-VMamba's mixer, in 2D and 3D."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from mambaseg.networks.blocks.global_tokens import GlobalTokens
from mambaseg.networks.blocks.local_tokens import WINDOW, with_neighbours
from mambaseg.networks.blocks.mixing import Mixing, check_mixing, mix, plan, separate
from mambaseg.networks.blocks.ss2d import image_orders
from mambaseg.networks.blocks.state_spaces import StateSpaces
from mambaseg.ops import NATURAL, REVERSED, Order

__all__ = ["LocalGlobalScan", "TokenOptions"]

_LOCAL_SQUEEZE = {2: 8, 3: 16}
"""Channels that one local feature is made of, by number of axes."""


@dataclass(frozen=True)
class TokenOptions:
    """What a network's LoG-VMamba blocks have in common.

    Parameters
    ----------
    local_tokens, global_tokens : bool
        Whether tokens bring their neighbours along (LTX), and whether there are global ones
        (GTX).
    mixing : {"head", "center", "split", "interleaved"}
        Where global tokens stand (see `mixing.plan`).
    scan_directions : {1, 2, 4}
        In how many directions tokens are scanned (see `LocalGlobalScan`).
    expand : int
        Inner width over a block's channels.
    state_size : int
        States per channel, N.
    resample : bool
        Whether global tokens take other grids than those built for.
    """

    local_tokens: bool = True
    global_tokens: bool = True
    mixing: Mixing = "interleaved"
    scan_directions: int = 1
    expand: int = 2
    state_size: int = 16
    resample: bool = False

    def __post_init__(self) -> None:
        check_mixing(self.mixing)
        image_orders(1, self.scan_directions)


class LocalGlobalScan(nn.Module):
    """Selective scan over local tokens with global ones among them.

    LoG-VMamba (arXiv 2408.14415), section 3.3: L-, G- and LoG-VMamba by `options`, or with
    neither kind of token a plain scan after a depthwise convolution.

    Direction 1 reads the grid row by row. Direction 2 runs along the first axis fastest: column
    by column in an image, through the slices in a volume. Directions 3 and 4 are these two from
    the end. Outputs are summed. Global tokens have no place in the image, and are there to be
    met early; so every direction meets them in the same order and at the same places of its
    sequence, as if the local tokens had been flipped or transposed ahead of the mixing.

    Parameters
    ----------
    dim : int
        Channels C.
    grid : sequence of int
        Sides of the token grid, 2 or 3 of them, for which global tokens are built.
    options : TokenOptions
    stride, squeeze : int
        Of the global tokens (see `GlobalTokens`).
    """

    def __init__(
        self,
        dim: int,
        grid: Sequence[int],
        options: TokenOptions,
        *,
        stride: int = 1,
        squeeze: int = 1,
    ) -> None:
        super().__init__()
        axes = len(grid)
        conv = nn.Conv2d if axes == 2 else nn.Conv3d
        width = options.expand * dim
        features, rank_of = width, dim
        if options.local_tokens:
            local_squeeze = _LOCAL_SQUEEZE[axes]
            if width % local_squeeze or dim < local_squeeze:
                raise ValueError(
                    f"local tokens in {axes}D need a width that is a multiple of {local_squeeze}; "
                    f"got {dim} channels, {options.expand}-fold."
                )
            features, rank_of = width // local_squeeze, dim // local_squeeze * WINDOW**axes
            if axes == 2 and not options.global_tokens:
                width = features  # the authors' L-VMamba is narrow throughout
        token_width = features * WINDOW**axes if options.local_tokens else features

        self.directions = options.scan_directions
        self.mixing = options.mixing
        self.in_proj = nn.Linear(dim, 2 * width, bias=False)
        self.conv = conv(width, features, WINDOW, padding=WINDOW // 2, groups=features)
        self.global_tokens = (
            GlobalTokens(
                token_width, grid, stride=stride, squeeze=squeeze, resample=options.resample
            )
            if options.global_tokens
            else None
        )
        self.scan = StateSpaces(
            token_width, math.ceil(rank_of / 16), self.directions, state_size=options.state_size
        )
        self.fold = nn.Linear(token_width, width, bias=False) if options.local_tokens else None
        self.out_norm = nn.LayerNorm(width)
        self.out_proj = nn.Linear(width, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the tokens of x, shape (B, ..., C)."""
        # Two products of half the weight each: both results lie in memory without gaps.
        to_scan, to_gate = self.in_proj.weight.chunk(2)
        features = F.silu(self.conv(F.linear(x, to_scan).movedim(-1, 1)))
        tokens = features.movedim(1, -1) if self.fold is None else with_neighbours(features)
        y = self._scanned(tokens)
        if self.fold is not None:
            y = self.fold(y)
        y = self.out_norm(y.unflatten(1, x.shape[1:-1]))
        return self.out_proj(y * F.silu(F.linear(x, to_gate)))

    def _scanned(self, grid: Tensor) -> Tensor:
        """Scan tokens (B, ..., S) in all directions, and give the local ones, (B, L, S)."""
        tokens = grid.flatten(1, -2)
        orders = image_orders(grid.shape[1], self.directions)
        if self.global_tokens is None:
            return self.scan(tokens, orders)
        summaries = self.global_tokens(grid)
        runs = plan(self.mixing, tokens.shape[1], summaries.shape[1])
        outputs = []
        for k, (chunks, reverse) in enumerate(orders):
            places = Order(chunks)
            mixed = mix(summaries, places.enter(tokens), runs, reverse=reverse)
            y = self.scan(mixed, [REVERSED if reverse else NATURAL], first=k)
            outputs.append(places.leave(separate(y, runs, reverse=reverse)))
        return sum(outputs[1:], start=outputs[0])
