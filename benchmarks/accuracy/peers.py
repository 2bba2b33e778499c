"""MONAI's networks beside ours, by names that a Recipe can hold."""

from __future__ import annotations

from typing import Any

from monai.networks.nets import AttentionUnet, DynUNet, SwinUNETR
from torch import nn

from mambaseg.networks import register_network


def _swin_unetr(**arguments: Any) -> nn.Module:
    return SwinUNETR(num_heads=(3, 6, 12, 24), **arguments)


def _dyn_unet(**arguments: Any) -> nn.Module:
    network = DynUNet(**arguments)
    # Its layers stand under a second name, which a safetensors file does not allow.
    del network.input_block, network.downsamples, network.bottleneck, network.upsamples
    return network


def register_peers() -> None:
    """Let Recipes name them."""
    register_network("attention_unet", AttentionUnet)
    register_network("dyn_unet", _dyn_unet)
    register_network("swin_unetr", _swin_unetr)
