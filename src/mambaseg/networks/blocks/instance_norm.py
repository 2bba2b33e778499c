"""Instance norm without parameters, in as few passes over memory as torch allows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mambaseg.networks.blocks.layout import fast_layout

__all__ = ["instance_norm"]

_EPS = 1e-5


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
    x = fast_layout(x)
    dtype = torch.promote_types(x.dtype, torch.float32)
    one, zero = x.new_ones(x.shape[1], dtype=dtype), x.new_zeros(x.shape[1], dtype=dtype)
    if (torch.is_grad_enabled() and x.requires_grad) or torch.compiler.is_compiling():
        samples = [
            F.batch_norm(sample, None, None, one, zero, training=True, eps=_EPS)
            for sample in x.split(1)
        ]
        return samples[0] if len(samples) == 1 else torch.cat(samples)
    y = x if overwrite else torch.empty_like(x)
    for source, target in zip(x.split(1), y.split(1), strict=True):
        # The running statistics that it is to update only tell the dtype of those that it gives.
        mean, variance = torch.batch_norm_update_stats(source, zero, one, 0.0)
        out = (target, one.new_empty(0), one.new_empty(0))
        torch.native_batch_norm(source, one, zero, mean, variance, False, 0.0, _EPS, out=out)
    return y
