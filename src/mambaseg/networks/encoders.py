"""Which weights of a network belong to its encoder, and how deep in it."""

from __future__ import annotations

import re

from mambaseg.types.errors import UnknownNameError

__all__ = ["encoder_level"]

_VMAMBA = (r"encoder\.patch_embedding\.", r"encoder\.(?:stages|merges)\.(\d+)\.")
_ENCODERS: dict[str, tuple[str, ...]] = {
    "vivim": (r"stages\.(\d+)\.",),
    "vm_unet_v2": _VMAMBA,
    "log_vmamba_2d": _VMAMBA,
    "segmamba": (r"stem\.", r"(?:stages|downsamplings|skip_mlps)\.(\d+)\."),
    "log_vmamba_3d": (r"stem\.", r"(?:stages|mixers)\.(\d+)\."),
}
"""By network, what the names of its encoder's weights begin with; a group is the stage."""


def encoder_level(network: str, weight: str) -> int | None:
    """Say where in a network's encoder a weight lies.

    Parameters
    ----------
    network : str
        A name from `list_networks`.
    weight : str
        Its key in the state dict.

    Returns
    -------
    int or None
        0 for what sees the image first; None: in the decoder, or between both.

    Raises
    ------
    UnknownNameError
        If there is no such network.
    """
    if network not in _ENCODERS:
        raise UnknownNameError(f"It is not known what the encoder of the network {network!r} is.")
    for pattern in _ENCODERS[network]:
        match = re.match(pattern, weight)
        if match is not None:
            return int(match[1]) + 1 if match.groups() else 0
    return None
