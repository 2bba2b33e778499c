"""Instance norm, in as few passes over memory as torch allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mambaseg.networks.blocks.layout import fast_layout

__all__ = ["instance_norm"]

_EPS = 1e-5
_PIECE = 1 << 12


def instance_norm(
    x: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    overwrite: bool = False,
) -> Tensor:
    """Bring every channel of every sample to mean zero and variance one.

    A batch norm of one sample with that sample's own statistics is an instance norm, and its
    kernel keeps the channels-last layout, which that of `F.instance_norm` on a CPU does not. Other
    devices have no use for that layout here, and not all of them torch's kernel of statistics.

    Parameters
    ----------
    x : Tensor, shape (B, C, D, H, W)
        At least two voxels.
    weight, bias : Tensor, shape (C,), optional
        Standard deviation and mean of the result in place of one and zero.
    overwrite : bool
        Whether the result may take x's memory, where autograd does not need x. On a CPU a
        large tensor's fresh memory costs several times what the norm does.

    Returns
    -------
    Tensor, shape (B, C, D, H, W)
        In x's dtype and the device's fast layout; statistics are float32 at least. An operation
        in place may follow.
    """
    x = fast_layout(x)
    dtype = torch.promote_types(x.dtype, torch.float32)
    channels = x.shape[1]
    scale = x.new_ones(channels, dtype=dtype) if weight is None else weight.to(dtype)
    shift = x.new_zeros(channels, dtype=dtype) if bias is None else bias.to(dtype)
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return F.instance_norm(x, weight=scale, bias=shift, eps=_EPS)
    if torch.is_grad_enabled() and (x.requires_grad or scale.requires_grad):
        apply: Callable[..., Tensor] = _Normalised.apply
        samples = [apply(sample, scale, shift) for sample in x.split(1)]
        return samples[0] if len(samples) == 1 else torch.cat(samples)
    y = x if overwrite else torch.empty_like(x)
    for source, target in zip(x.split(1), y.split(1), strict=True):
        mean, variance = _statistics(source, dtype)
        out = (target, scale.new_empty(0), scale.new_empty(0))
        torch.native_batch_norm(source, scale, shift, mean, variance, False, 0.0, _EPS, out=out)
    return y


def _statistics(x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Mean and variance of the channels of one sample, on a CPU.

    In the channels-last layout torch adds up one value after the other, which in float32 loses
    three digits over two million of them. So it is given a piece at a time.
    """
    # The running statistics that it is to update only tell the dtype of those that it gives.
    running = x.new_zeros(x.shape[1], dtype=dtype), x.new_ones(x.shape[1], dtype=dtype)
    tokens = x.movedim(1, -1)
    if not tokens.is_contiguous():
        return torch.batch_norm_update_stats(x, *running, 0.0)
    pieces = tokens.flatten(0, -2).split(_PIECE)
    parts = [torch.batch_norm_update_stats(piece, *running, 0.0) for piece in pieces]
    if len(parts) == 1:
        return parts[0]
    means, variances = (torch.stack(part).double() for part in zip(*parts, strict=True))
    sizes = torch.tensor([len(piece) for piece in pieces], dtype=torch.float64)
    shares = (sizes / sizes.sum())[:, None]
    mean = (shares * means).sum(0)
    variance = (shares * (variances + (means - mean) ** 2)).sum(0)
    return mean.to(dtype), variance.to(dtype)


class _Normalised(torch.autograd.Function):
    """Batch norm of one sample with statistics of `_statistics`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        mean, variance = _statistics(x, scale.dtype)
        ctx.save_for_backward(x, scale, mean, torch.rsqrt(variance + _EPS))
        y = torch.native_batch_norm(x, scale, shift, mean, variance, False, 0.0, _EPS)
        return y[0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        x, scale, mean, inverse = ctx.saved_tensors
        given = (None, None, mean, inverse, True, _EPS, [True, True, True])
        gradients: tuple[Tensor, ...] = torch.ops.aten.native_batch_norm_backward(
            fast_layout(grad), x, scale, *given
        )
        return gradients
