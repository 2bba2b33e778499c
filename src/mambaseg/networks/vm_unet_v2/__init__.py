"""VM-UNetV2: a vision Mamba UNet with semantics and detail infusion (arXiv 2403.09157)."""

from mambaseg.networks.vm_unet_v2.model import VMUNetV2

__all__ = ["VMUNetV2"]
