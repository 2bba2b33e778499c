"""A network's main output, whatever else it gives."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mambaseg.networks.blocks.windows import extend_by_mirroring
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import Kind

__all__ = ["seen_size", "segmentation_logits"]


def seen_size(network: nn.Module, size: Sequence[int]) -> tuple[int, ...]:
    """Give what a network sees of a window (z, y, x): small volumes are mirrored to its least."""
    least: tuple[int, ...] = getattr(network, "least_size", tuple)(size)
    return least


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
    given = x.shape[2:]
    if kind == "volume":
        x = extend_by_mirroring(x, seen_size(network, given))
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
    if kind != "volume":
        return logits
    depth, height, width = given
    return logits[..., :depth, :height, :width]
