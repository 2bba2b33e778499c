"""MONAI's networks beside ours, by names that a Recipe can hold."""

from __future__ import annotations

from typing import Any

from monai.networks.nets import AttentionUnet, DynUNet, SwinUNETR
from torch import nn

from mambaseg.networks import register_network


def _swin_unetr(**arguments: Any) -> nn.Module:
    return SwinUNETR(num_heads=(3, 6, 12, 24), **arguments)


def register_peers() -> None:
    """Let Recipes name them."""
    register_network("attention_unet", AttentionUnet)
    register_network("dyn_unet", DynUNet)
    register_network("swin_unetr", _swin_unetr)
