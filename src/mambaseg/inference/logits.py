"""A network's main output, whatever else it gives."""

from __future__ import annotations

from torch import Tensor, nn

from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import Kind

__all__ = ["segmentation_logits"]


def segmentation_logits(network: nn.Module, x: Tensor, kind: Kind = "video") -> Tensor:
    """Run a network and keep the segmentation.

    Parameters
    ----------
    network : Module
    x : Tensor
        Pictures (B, C, y, x), clips (B, T, C, y, x) or windows of a volume (B, C, z, y, x).
    kind : {"video", "image", "volume"}
        Which of these.

    Returns
    -------
    Tensor
        Logits of K classes, shaped as `x` with K in the place of C; those of an
        edge head, and of deep supervision, are left out.

    Raises
    ------
    UnsupportedImageError
        If the network does not take input of this length or size.
    """
    try:
        output = network(x)
    except ValueError as error:
        size = " x ".join(map(str, x.shape[3:] if kind == "video" else x.shape[2:]))
        what = {
            "image": f"pictures of {size} pixels",
            "video": f"clips of {x.shape[1]} frames of {size} pixels",
            "volume": f"windows of {size} voxels",
        }[kind]
        raise UnsupportedImageError(f"The network does not take {what}: {error}") from error
    logits: Tensor = output[0] if isinstance(output, tuple | list) else output
    return logits
