"""The foreign formats that are known, told apart by their keys."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from torch import Tensor

from mambaseg.networks import list_networks
from mambaseg.types.errors import IncompatibleWeightsError, UnknownNameError
from mambaseg.zoo.arguments import log_vmamba as log_vmamba_arguments
from mambaseg.zoo.arguments import segmamba as segmamba_arguments
from mambaseg.zoo.arguments import vivim as vivim_arguments
from mambaseg.zoo.arguments import vm_unet_v2 as vm_unet_v2_arguments
from mambaseg.zoo.convert import (
    log_vmamba_2d,
    log_vmamba_3d,
    segformer,
    segmamba,
    vivim,
    vm_unet_v2,
    vmamba,
)

__all__ = ["Format", "choose_format"]


@dataclass(frozen=True)
class Format:
    """A way of naming a network's weights.

    Parameters
    ----------
    title : str
        What such checkpoints are, in words.
    networks : tuple of str
        Our networks that they fill, the likeliest first.
    naming : module
        With `FINGERPRINT`, `DEAD` and `rename`.
    infer : callable
        Gives the arguments of the network that holds the weights.
    partial : bool
        Whether they are a network's encoder alone, so that the rest stays untrained.
    """

    title: str
    networks: tuple[str, ...]
    naming: ModuleType
    infer: Callable[[Mapping[str, Tensor]], dict[str, Any]]
    partial: bool = False

    def recognises(self, keys: Collection[str]) -> bool:
        """Whether these keys are of this format."""
        mark = self.naming.FINGERPRINT
        if isinstance(mark, re.Pattern):
            return any(mark.match(key) for key in keys)
        return mark in keys


_FORMATS = (
    Format("the authors' Vivim", ("vivim",), vivim, vivim_arguments.infer),
    Format("the authors' VM-UNetV2", ("vm_unet_v2",), vm_unet_v2, vm_unet_v2_arguments.infer),
    Format("the authors' SegMamba", ("segmamba",), segmamba, segmamba_arguments.infer),
    Format(
        "the authors' LoG-VMamba 2D",
        ("log_vmamba_2d",),
        log_vmamba_2d,
        log_vmamba_arguments.infer_2d,
    ),
    Format(
        "the authors' LoG-VMamba 3D",
        ("log_vmamba_3d",),
        log_vmamba_3d,
        log_vmamba_arguments.infer_3d,
    ),
    Format("SegFormer's encoder", ("vivim",), segformer, segformer.infer, partial=True),
    Format("VMamba's encoder", ("vm_unet_v2", "log_vmamba_2d"), vmamba, vmamba.infer, partial=True),
)


def choose_format(keys: Collection[str], network: str | None, source: str) -> tuple[Format, str]:
    """Recognise a checkpoint, and the network that it is to fill.

    Parameters
    ----------
    keys : collection of str
        Without prefixes.
    network : str or None
        The network that is asked for; None for the one that the keys say.
    source : str
        The file, for messages.

    Raises
    ------
    UnknownNameError
        If there is no such network.
    IncompatibleWeightsError
        If the keys are of no known format, or of another network's.
    """
    if network is not None and network not in list_networks():
        near = difflib.get_close_matches(network, list_networks(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownNameError(
            f"There is no network {network!r}; there are {list_networks()}.{hint}"
        )
    known = [one for one in _FORMATS if one.recognises(keys)]
    for one in known:
        if network is None or network in one.networks:
            return one, network or one.networks[0]
    if known:
        raise IncompatibleWeightsError(
            f"{source} does not hold weights of {network!r}: it looks like {known[0].title}, for "
            f"the network {known[0].networks[0]!r}. Import it as that."
        )
    raise IncompatibleWeightsError(
        f"{source} is of no network that is known ({', '.join(list_networks())}): its keys begin "
        f"with {sorted(keys)[:3]}. Checkpoints of the authors' own code are understood."
    )
