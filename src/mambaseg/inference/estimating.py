"""What a run will need, worked out from shapes ahead of it."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn

from mambaseg.inference.free_memory import free_bytes
from mambaseg.inference.hosting import network_bytes
from mambaseg.inference.ladder import Ladder, Shortage
from mambaseg.inference.logits import seen_size
from mambaseg.inference.memory import Estimate, gigabytes
from mambaseg.inference.plans import Plan
from mambaseg.inference.rungs import Rung
from mambaseg.inference.settings import Settings
from mambaseg.types.errors import MambasegError
from mambaseg.types.recipe import Recipe

__all__ = ["estimate", "is_plenty"]

_KERNELS = {
    "vivim": 1.0,
    "vm_unet_v2": 1.1,
    "segmamba": 1.1,
    "log_vmamba_2d": 1.05,
    "log_vmamba_3d": 1.25,
}
"""How much more each network was measured to hold than its tensors alone: what kernels take."""
_OTHER_KERNELS = 1.25
_WORKSPACE = 64 * 2**20
_PLENTY = 4096
"""Bytes for each pixel or voxel of the input, which no network of usual widths needs."""
_passes: dict[tuple[str, tuple[int, ...], bool], int] = {}


class _Needed(NamedTuple):
    device: int
    host: int


def is_plenty(plan: Plan, settings: Settings, device: torch.device) -> bool:
    """Whether so much is free that no closer look is called for."""
    needs = plan.needs(settings)
    shape = needs.input_shape
    positions = math.prod(shape) // shape[2 if plan.unit == "frames" and len(shape) == 5 else 1]
    rough = _PLENTY * positions + needs.stitching_bytes + needs.host_bytes
    return 2 * rough < min(free_bytes(device), free_bytes(torch.device("cpu")))


def estimate(plan: Plan, recipe: Recipe, network: nn.Module, ladder: Ladder) -> Estimate:
    """Compare what a run needs with what is free, and step down until it fits.

    Parameters
    ----------
    plan : Plan
    recipe : Recipe
        The network's.
    network : Module
        Loaded already, so that its weights count on both sides.
    ladder : Ladder
        It is left at the settings that fit; or at the last, if none do.
    """
    weights = network_bytes(network)
    device, host = torch.device(ladder.settings.device), torch.device("cpu")
    free = _Needed(free_bytes(device) + weights, free_bytes(host))
    needed = first = _needed(plan, recipe, network, ladder.settings, weights)
    said: dict[Rung, str] = {}
    fits = True
    while short := _shortage(needed, free, ladder.settings):
        step = ladder.down(short)
        if step is None:
            fits = False
            break
        said[ladder.rungs[-1]] = step
        try:
            needed = _needed(plan, recipe, network, ladder.settings, weights)
        except (ValueError, MambasegError):
            if not ladder.refuse_window():
                raise
            del said["smaller_window"]
    on_cpu = device.type == "cpu"
    needs, has = (first.device + first.host, min(free)) if on_cpu else (first.device, free.device)
    text = f"needs {gigabytes(needs)}, {gigabytes(has)} free"
    if said:
        text += f": will use {_listed([*said.values()])}"
    if not fits:
        text += ", and may still not suffice"
    return Estimate(needs, has, text, tuple(ladder.rungs))


def _shortage(needed: _Needed, free: _Needed, settings: Settings) -> Shortage | None:
    if settings.device == "cpu":
        return "host" if sum(needed) > min(free) else None
    if needed.device > free.device:
        return "device"
    return "host" if needed.host > free.host else None


def _needed(
    plan: Plan, recipe: Recipe, network: nn.Module, settings: Settings, weights: int
) -> _Needed:
    needs = plan.needs(settings)
    low = settings.precision == "bfloat16"
    pass_bytes = _pass_bytes(recipe, network, needs.input_shape, low)
    kernels = _KERNELS.get(recipe.network, _OTHER_KERNELS)
    # Autocast keeps the weights' halves while it runs.
    device = round(pass_bytes * kernels) + _WORKSPACE + weights + (weights // 2 if low else 0)
    host = needs.host_bytes
    if settings.stitching == "device":
        device += needs.stitching_bytes
    elif settings.stitching == "memory":
        host += needs.stitching_bytes
    return _Needed(device, host)


def _pass_bytes(
    recipe: Recipe, network: nn.Module, input_shape: tuple[int, ...], bfloat16: bool
) -> int:
    """As of `forward_bytes`, worked out once for all networks of the same making."""
    made = recipe.model_dump_json(include={"network", "arguments", "channels", "labels", "output"})
    key = (made, input_shape, bfloat16)
    if key not in _passes:
        from mambaseg.networks.forward_memory import forward_bytes  # a heavy import, seldom needed

        if recipe.kind == "volume":
            input_shape = (*input_shape[:2], *seen_size(network, input_shape[2:]))
        _passes[key] = forward_bytes(network, input_shape, bfloat16=bfloat16)
    return _passes[key]


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
