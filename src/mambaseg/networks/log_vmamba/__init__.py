"""LoG-VMamba: local and global tokens for images and volumes (arXiv 2408.14415)."""

from mambaseg.networks.log_vmamba.model_2d import LoGVMamba2d
from mambaseg.networks.log_vmamba.model_3d import LoGVMamba3d

__all__ = ["LoGVMamba2d", "LoGVMamba3d"]
