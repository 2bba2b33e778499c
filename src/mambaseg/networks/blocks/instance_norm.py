"""Instance norm without parameters, in as few passes over memory as torch allows."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from mambaseg.networks.blocks.layout import fast_layout

__all__ = ["instance_norm"]

_EPS = 1e-5
_BLOCKS = 128


def instance_norm(x: Tensor, *, overwrite: bool = False) -> Tensor:
    """Bring every channel of every sample to mean zero and variance one.

    A batch norm of one sample with that sample's own statistics is an instance norm, and its
    kernel keeps the channels-last layout, which that of `F.instance_norm` on a CPU does not.

    Parameters
    ----------
    x : Tensor, shape (B, C, D, H, W)
        At least two voxels.
    overwrite : bool
        Whether the result may take x's memory, where autograd does not need x. On a CPU a
        large tensor's fresh memory costs several times what the norm does.

    Returns
    -------
    Tensor, shape (B, C, D, H, W)
        In x's dtype and the device's fast layout; statistics are float32 at least. An operation
        in place may follow.
    """
    if torch.compiler.is_compiling():
        return fast_layout(F.instance_norm(x, eps=_EPS))  # the compiler fuses it better than we
    x = fast_layout(x)
    if torch.is_grad_enabled() and x.requires_grad:
        samples = [
            _Normalise.apply(sample)  # type: ignore[no-untyped-call]
            for sample in x.split(1)
        ]
        return samples[0] if len(samples) == 1 else torch.cat(samples)
    y = x if overwrite else torch.empty_like(x)
    for source, target in zip(x.split(1), y.split(1), strict=True):
        _normalise(source, *_statistics(source), out=target)
    return y


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance (C,) of the channels of x (1, C, D, H, W)."""
    # torch adds up the voxels of a channels-last volume one by one, which in float32 costs a
    # large one three digits; added up block by block, it costs none that matters.
    rows = x.movedim(1, -1).flatten(0, -2)
    dtype = torch.promote_types(x.dtype, torch.float32)
    # The running statistics that each is to update only tell the dtype of those that it gives.
    zero, one = x.new_zeros(x.shape[1], dtype=dtype), x.new_ones(x.shape[1], dtype=dtype)
    blocks = rows.tensor_split(_BLOCKS) if len(rows) > 32 * _BLOCKS else (rows,)
    parts = [torch.batch_norm_update_stats(block, zero, one, 0.0) for block in blocks]
    means, variances = (torch.stack(part).double() for part in zip(*parts, strict=True))
    shares = torch.tensor([len(block) / len(rows) for block in blocks], dtype=means.dtype)
    shares = shares.to(x.device)
    mean = shares @ means
    return mean.to(dtype), (shares @ (variances + (means - mean).square())).to(dtype)


def _normalise(x: Tensor, mean: Tensor, variance: Tensor, out: Tensor) -> None:
    results = (out, mean.new_empty(0), mean.new_empty(0))
    one, zero = torch.ones_like(mean), torch.zeros_like(mean)
    torch.native_batch_norm(x, one, zero, mean, variance, False, 0.0, _EPS, out=results)


class _Normalise(torch.autograd.Function):
    """The norm of one sample, (1, C, D, H, W)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        mean, variance = _statistics(x)
        y = torch.empty_like(x)
        _normalise(x, mean, variance, out=y)
        ctx.save_for_backward(x, mean, (variance + _EPS).rsqrt())
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x, mean, scale = ctx.saved_tensors
        return torch.ops.aten.native_batch_norm_backward(
            fast_layout(grad),
            x,
            torch.ones_like(mean),
            None,
            None,
            mean,
            scale,
            True,
            _EPS,
            [True, False, False],
        )[0]
