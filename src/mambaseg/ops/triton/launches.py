"""One call's tensors and sizes, and its kernels launched on them; see `forward` for the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import triton
from torch import Tensor

from mambaseg.ops.arguments import ScanArguments
from mambaseg.ops.triton import plan
from mambaseg.ops.triton.backward import gradients
from mambaseg.ops.triton.forward import carry, combine, local_states, scan
from mambaseg.ops.triton.plan import TILE, flat

__all__ = ["Call", "ready"]


def ready(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Give tensors with neighbouring last entries and common strides, copied only if need be."""
    strides = tensors[0].stride()
    if strides[-1] == 1 and all(x.stride() == strides for x in tensors):
        return list(tensors)
    return [x.contiguous() for x in tensors]


def _token_strides(tensors: Sequence[Tensor]) -> tuple[int, ...]:
    """Strides of all but the last axis."""
    return tensors[0].stride()[:-1]


class Call:
    """One scan, in all its directions."""

    def __init__(self, given: ScanArguments) -> None:
        u, delta, A, B, C, D, _, delta_bias, softplus, chunks, backwards = given
        self.u, self.delta, self.B, self.C = (ready(x) for x in (u, delta, B, C))
        self.A = A.contiguous()
        self.D = self.A if D is None else D.contiguous()  # never read where there is none
        self.bias = self.A if delta_bias is None else delta_bias.contiguous()
        self.directions = len(u)
        self.batch, self.length, self.width = u[0].shape
        self.groups, self.states = B[0].shape[2:]
        self.heads = self.width // self.groups
        self.device = u[0].device
        self.orders = plan.order_numbers(tuple(chunks), tuple(backwards), self.length)
        self.flags = {"SOFTPLUS": softplus, "BIAS": delta_bias is not None}
        self.skip = D is not None
        self.block = plan.channel_block(self.heads, self.states, self.device)
        self.backward_block = plan.backward_block(self.heads, self.device)
        self.sizes = {"BLOCK_N": triton.next_power_of_2(self.states), "BLOCK_D": self.block}

    def cut(self, block: int) -> plan.Cut:
        """Cut the sequence for programs of so many channels."""
        blocks = self.directions * self.batch * self.groups * -(-self.heads // block)
        return plan.cut(blocks, self.length, self.device)

    def grid(self, slots: int, block: int) -> tuple[int, int]:
        """Programs: chunks by blocks of channels, and directions by samples."""
        return slots * self.groups * -(-self.heads // block), self.directions * self.batch

    def _numbers(self, cut: plan.Cut) -> dict[str, Any]:
        return {
            "length": self.length,
            "heads": self.heads,
            "batch": self.batch,
            "slots": cut.slots,
            "chunk": cut.chunk,
            "orders": self.orders,
            "one": 1,
            "STATES": self.states,
            "GROUPS": self.groups,
            **self.flags,
        }

    def new_kept(self) -> Tensor:
        """Memory for the states ahead of all tiles."""
        rows = -(-self.length // TILE) * self.states
        return self._new(self.directions, self.batch, rows, self.width)

    def _new(self, *shape: int) -> Tensor:
        return torch.empty(shape, dtype=torch.float32, device=self.device)

    def entering(self, cut: plan.Cut, adjoint: Sequence[Tensor] | None, states: Tensor) -> None:
        """Write the state that enters each chunk to `states`; or the adjoint's, of gradients."""
        if cut.slots == 1:
            return
        x, P = (self.u, self.B) if adjoint is None else (adjoint, self.C)
        steps = self._new(self.directions, self.batch, cut.slots, self.width)
        local_states[self.grid(cut.slots - 1, self.block)](
            tuple(x),
            tuple(self.delta),
            self.A,
            tuple(P),
            self.bias,
            states,
            steps,
            strides=flat([_token_strides(t) for t in (x, self.delta, P)]),
            **self._numbers(cut),
            **self.sizes,
            ADJOINT=adjoint is not None,
            num_warps=1,
        )
        block = 32
        grid = (-(-self.states * self.width // block), self.directions * self.batch)
        carry[grid](
            self.A,
            states,
            steps,
            self.width,
            cut.slots,
            self.batch,
            STATES=self.states,
            BLOCK_S=min(64, triton.next_power_of_2(cut.slots)),
            BLOCK_E=block,
            num_warps=4,
        )

    def forward(
        self, y: Tensor, z: Tensor | None, kept: Tensor | None, *, known: bool = False
    ) -> None:
        """Scan into y, (B, L, D), gated if z is given; keep states, or start from known ones."""
        cut = self.cut(self.block)
        if known:
            cut = plan.Cut(-(-self.length // TILE), TILE)
        several = self.directions > 1
        parts = self._new(self.directions, *y.shape) if several else y
        unused = self.A
        keep, states = kept is not None and not known, unused
        if cut.slots > 1 and not known:
            if kept is not None and cut.chunk == TILE:  # then they are the same
                states, keep = kept, False
            else:
                states = self._new(self.directions, self.batch, cut.slots * self.states, self.width)
            self.entering(cut, None, states)
        gate = None if z is None else ready([z])[0]
        tokens = (self.u, self.delta, self.B, self.C)
        z_strides = (0, 0) if gate is None else _token_strides([gate])
        scan[self.grid(cut.slots, self.block)](
            tuple(self.u),
            tuple(self.delta),
            self.A,
            tuple(self.B),
            tuple(self.C),
            self.D,
            self.bias,
            unused if gate is None else gate,
            parts,
            states,
            unused if kept is None else kept,
            strides=flat([*map(_token_strides, tokens), z_strides]),
            **self._numbers(cut),
            **self.sizes,
            SKIP=self.skip,
            GATE=gate is not None and not several,
            CARRIED=cut.slots > 1 and not known,
            FROM_KEPT=known,
            KEEP=keep,
            num_warps=1,
        )
        if several:
            self._combine(parts, gate, y, z_strides)

    def _combine(
        self, parts: Tensor, gate: Tensor | None, y: Tensor, strides: tuple[int, ...]
    ) -> None:
        combine[token_grid(self.batch * self.length, self.width)](
            parts,
            parts if gate is None else gate,
            y,
            self.batch * self.length,
            self.length,
            self.width,
            strides,
            DIRECTIONS=self.directions,
            GATE=gate is not None,
            **TOKEN_BLOCK,
        )

    def backward(self, gy: Tensor, kept: Tensor, *, parts: int) -> dict[str, Any]:
        """Give all gradients but z's, of that of the ungated y.

        Of `parts` for B and C: into so many buffers the programs of different channels add.
        """
        cut = self.cut(self.backward_block)
        states = self._new(self.directions, self.batch, cut.slots, self.states, self.width)
        self.entering(cut, [gy] * self.directions, states)
        of_u, of_delta = (
            [torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in xs]
            for xs in (self.u, self.delta)
        )
        shape = (parts, self.directions, *self.B[0].shape)
        of_B, of_C = (torch.zeros(shape, dtype=torch.float32, device=self.device) for _ in range(2))
        of_D, of_bias = (
            self._new(self.directions, self.batch, cut.slots, self.width) for _ in range(2)
        )
        lanes = min(4, self.sizes["BLOCK_N"])
        tokens = ([gy], self.u, self.delta, self.B, self.C)
        gradients[self.grid(cut.slots, self.backward_block)](
            gy,
            tuple(self.u),
            tuple(self.delta),
            self.A,
            tuple(self.B),
            tuple(self.C),
            self.D,
            self.bias,
            kept,
            states,
            tuple(of_u),
            tuple(of_delta),
            of_B,
            of_C,
            of_D,
            of_bias,
            strides=flat([_token_strides(t) for t in tokens]),
            part_stride=of_B[0].numel() if parts > 1 else 0,
            **self._numbers(cut),
            ROWS_N=self.sizes["BLOCK_N"] // lanes,
            ROWS_D=self.backward_block // 8,
            LANES_D=8,
            LANES_N=lanes,
            SKIP=self.skip,
            CARRIED=cut.slots > 1,
            num_warps=1,
        )
        return {
            "u": of_u,
            "delta": of_delta,
            "B": list(of_B.sum(0).unbind()),
            "C": list(of_C.sum(0).unbind()),
            "A": states.sum((1, 2)).mT,
            "D": of_D.sum((1, 2)),
            "bias": of_bias.sum((1, 2)),
        }


TOKEN_BLOCK = {"BLOCK_T": 16, "BLOCK_D": 64}


def token_grid(tokens: int, width: int) -> tuple[int, int]:
    """Programs of the kernels that go over tokens and channels."""
    return -(-tokens // TOKEN_BLOCK["BLOCK_T"]), -(-width // TOKEN_BLOCK["BLOCK_D"])
