"""What a training will hold, worked out from shapes ahead of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mambaseg.inference.free_memory import free_bytes
from mambaseg.inference.hosting import network_bytes
from mambaseg.inference.memory import gigabytes
from mambaseg.training.outputs import as_outputs
from mambaseg.types.network_input import VideoInput, VolumeInput
from mambaseg.types.optimization import Optimization
from mambaseg.types.recipe import Recipe
from mambaseg.types.training_config import TrainingConfig

__all__ = ["TrainingMemory", "training_memory"]

_KERNELS = {
    "vivim": 1.3,
    "vm_unet_v2": 1.2,
    "segmamba": 1.25,
    "log_vmamba_2d": 1.25,
    "log_vmamba_3d": 1.35,
}
"""How much more each network was measured to hold than its tensors alone: what kernels take."""
_OTHER_KERNELS = 1.4
_WORKSPACE = 64 * 2**20


@dataclass(frozen=True)
class TrainingMemory:
    """What a training will need, told before it starts.

    Parameters
    ----------
    needed_bytes, free_bytes : int
        Memory at its peak, and what the device has left.
    most_at_once : int
        Samples that fit at once and by which the batch can be divided; 0: not even one.
    """

    needed_bytes: int
    free_bytes: int
    most_at_once: int

    @property
    def text(self) -> str:
        """One sentence for people: what is needed, and where it does not fit what to change."""
        needs = f"needs about {gigabytes(self.needed_bytes)} of memory"
        free = f"{gigabytes(self.free_bytes)} are free"
        if self.needed_bytes <= self.free_bytes:
            return f"{needs}; {free}"
        if self.most_at_once:
            change = f"set at_once in batches to {self.most_at_once} (--at-once)"
        else:
            change = (
                "take a smaller size in the recipe's input, a smaller network, or "
                "checkpointing: true among its arguments"
            )
        return f"{needs}, but only {free}: close other programs, or {change}"


def training_memory(
    network: nn.Module, config: TrainingConfig, at_once: int, device: torch.device
) -> TrainingMemory:
    """Compare what a training needs with what is free.

    Parameters
    ----------
    network : Module
        As built, on the CPU.
    config : TrainingConfig
    at_once : int
        Samples that the device sees at once.
    device : torch.device
        Where it will train.

    Raises
    ------
    ValueError
        If the network does not take samples of the Recipe's size.
    """
    kept = _kept_bytes(network, config.optimization) + _WORKSPACE
    step, free = _step_bytes(network, config, at_once), free_bytes(device)
    fitting = [
        count
        for count in range(1, at_once + 1)
        if at_once % count == 0 and kept + step * count / at_once <= free
    ]
    return TrainingMemory(kept + step, free, max(fitting, default=0))


def _kept_bytes(network: nn.Module, optimization: Optimization) -> int:
    """Give the bytes of weights, of what the optimizer knows of each, and of their average."""
    o = optimization
    copies = (2 if o.optimizer != "sgd" else int(o.momentum > 0)) + int(o.average_decay > 0)
    return (1 + copies) * network_bytes(network)


def _step_bytes(network: nn.Module, config: TrainingConfig, samples: int) -> int:
    from mambaseg.networks.forward_memory import training_bytes  # a heavy import

    recipe, low = config.recipe, config.optimization.precision == "bf16"

    def total(output: Any) -> Tensor:
        # In place of the loss, some of whose terms need numbers: a target and probabilities.
        outputs = as_outputs(output, recipe.kind)
        terms = [one.float() for one in outputs.logits]
        terms += [outputs.edge.float()] if outputs.edge is not None else []
        return torch.stack([(x.sigmoid() * torch.zeros_like(x)).sum() for x in terms]).sum()

    found = training_bytes(network, _input_shape(recipe, samples), total, bfloat16=low)
    return round(found * _KERNELS.get(recipe.network, _OTHER_KERNELS))


def _input_shape(recipe: Recipe, samples: int) -> tuple[int, ...]:
    channels, seen = len(recipe.channels), recipe.input
    if isinstance(seen, VolumeInput):
        return (samples, channels, *seen.patch_size)
    if isinstance(seen, VideoInput):
        return (samples, seen.clip_length, channels, *seen.size)
    return (samples, channels, *seen.size)
