"""A network's main output, whatever else it gives."""

from __future__ import annotations

from torch import Tensor, nn

from mambaseg.types.errors import UnsupportedImageError

__all__ = ["segmentation_logits"]


def segmentation_logits(network: nn.Module, clips: Tensor) -> Tensor:
    """Run a network on clips and keep the segmentation.

    Parameters
    ----------
    network : Module
    clips : Tensor, shape (B, T, C, y, x)

    Returns
    -------
    Tensor, shape (B, T, K, y, x)
        Logits of K classes; those of an edge head are left out.

    Raises
    ------
    UnsupportedImageError
        If the network does not take clips of this length or size.
    """
    try:
        output = network(clips)
    except ValueError as error:
        raise UnsupportedImageError(
            f"The network does not take clips of {clips.shape[1]} frames of "
            f"{clips.shape[3]} x {clips.shape[4]} pixels: {error}"
        ) from error
    logits: Tensor = output[0] if isinstance(output, tuple) else output
    return logits
