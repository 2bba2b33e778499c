"""MONAI's networks beside ours, by names that a Recipe can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.networks.nets import AttentionUnet, DynUNet, SwinUNETR
from torch import Tensor, nn

from mambaseg.networks import register_network

_MULTIPLE = 32
"""What each side of their input has to be a multiple of; ours take any size."""


class AnySize(nn.Module):
    """A network that takes some sizes alone, with others mirrored beyond their edges.

    So training fills up a patch that is larger than the volume.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Give logits for a batch (B, C, [Z,] Y, X)."""
        inner: list[slice] = []
        for axis, side in enumerate(x.shape[2:], 2):
            before = -side % _MULTIPLE // 2
            after = -side % _MULTIPLE - before
            places = np.pad(np.arange(side), (before, after), "symmetric")
            x = x.index_select(axis, torch.from_numpy(places).to(x.device))
            inner.append(slice(before, before + side))
        logits: Tensor = self.network(x)
        return logits[:, :, *inner]


def _attention_unet(**arguments: Any) -> nn.Module:
    return AnySize(AttentionUnet(**arguments))


def _dyn_unet(**arguments: Any) -> nn.Module:
    network = DynUNet(**arguments)
    # Its layers stand under a second name, which a safetensors file does not allow.
    del network.input_block, network.downsamples, network.bottleneck, network.upsamples
    return AnySize(network)


def _swin_unetr(**arguments: Any) -> nn.Module:
    return AnySize(SwinUNETR(num_heads=(3, 6, 12, 24), **arguments))


def register_peers() -> None:
    """Let Recipes name them."""
    register_network("attention_unet", _attention_unet)
    register_network("dyn_unet", _dyn_unet)
    register_network("swin_unetr", _swin_unetr)
