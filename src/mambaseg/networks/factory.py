"""Networks by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from torch import nn

from mambaseg.networks.log_vmamba import LoGVMamba2d, LoGVMamba3d
from mambaseg.networks.segmamba import SegMamba
from mambaseg.networks.vivim import Vivim
from mambaseg.networks.vm_unet_v2 import VMUNetV2
from mambaseg.types.errors import UnknownNameError

__all__ = ["create_network", "list_networks", "register_network"]

_NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "log_vmamba_2d": LoGVMamba2d,
    "log_vmamba_3d": LoGVMamba3d,
    "segmamba": SegMamba,
    "vivim": Vivim,
    "vm_unet_v2": VMUNetV2,
}


def list_networks() -> list[str]:
    """Names that `create_network` takes, sorted."""
    return sorted(_NETWORKS)


def register_network(name: str, build: Callable[..., nn.Module]) -> None:
    """Add a network, so that a Recipe may name it: for this process, and its trained models.

    Parameters
    ----------
    name : str
    build : callable
        Gives the untrained network, in train mode, from `in_channels`, `out_channels` and the
        Recipe's `arguments`.

    Raises
    ------
    ValueError
        If there is one of that name.
    """
    if name in _NETWORKS:
        raise ValueError(f"There is a network {name!r}: choose another name.")
    _NETWORKS[name] = build


def create_network(name: str, **arguments: Any) -> nn.Module:
    """Build an untrained network.

    Parameters
    ----------
    name : str
        One of `list_networks()`.
    **arguments
        The network's own arguments; all take `in_channels` and `out_channels`.

    Raises
    ------
    UnknownNameError
        If there is no network of that name; the nearest is offered.
    ValueError
        If an argument does not fit the network.
    """
    if name not in _NETWORKS:
        near = difflib.get_close_matches(name, _NETWORKS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownNameError(f"There is no network {name!r}; there are {list_networks()}.{hint}")
    try:
        return _NETWORKS[name](**arguments)
    except TypeError as error:
        raise ValueError(f"Network {name!r} takes other arguments: {error}.") from error
