"""A network's pass: on one device, in one precision, with what comes out checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import TypeVar

import torch
from torch import Tensor, nn

from mambaseg.inference.logits import segmentation_logits
from mambaseg.inference.settings import Precision
from mambaseg.types.errors import NotFiniteError
from mambaseg.types.image import Kind

__all__ = ["Forward", "mirrorings"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class Forward:
    """Runs a network.

    Parameters
    ----------
    network : Module
        On `device`, in eval mode.
    device : torch.device
    kind : {"video", "image", "volume"}
        What it takes.
    precision : {"float32", "bfloat16"}
    seconds : dict of str to float
        What the network took, and what is timed beside it, is added here.
    mirror_axes : sequence of int
        Spatial axes, from 0, along which the input is mirrored too; in every combination.
    """

    network: nn.Module
    device: torch.device
    kind: Kind
    precision: Precision = "float32"
    seconds: dict[str, float] = field(default_factory=dict)
    mirror_axes: Sequence[int] = ()

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Tensor:
        """Give mean logits over an input and its mirror images.

        Parameters
        ----------
        x : Tensor, shape (B, C, ...) or (B, T, C, y, x)

        Returns
        -------
        Tensor, float32, on `device`
            As `segmentation_logits`.

        Raises
        ------
        NotFiniteError
            If a value is not finite; it names the first part of the network where.
        UnsupportedImageError
            If the network does not take input of this length or size.
        """
        return self.timed("network", lambda: self._mean(x))

    def timed(self, stage: str, function: Callable[[], Result]) -> Result:
        """Call a function, and add what it took to a stage's seconds."""
        begun = time.perf_counter()
        try:
            return function()
        finally:
            took = time.perf_counter() - begun
            self.seconds[stage] = self.seconds.get(stage, 0.0) + took

    def _mean(self, x: Tensor) -> Tensor:
        x = x.to(self.device)
        lead = x.ndim - (3 if self.kind == "volume" else 2)
        ways = mirrorings([axis + lead for axis in self.mirror_axes])
        total = self._once(x)
        for way in ways[1:]:
            total += self._once(x.flip(way)).flip(way)
        return total.div_(len(ways)) if len(ways) > 1 else total

    def _once(self, x: Tensor) -> Tensor:
        logits = self._run(x)
        if not torch.isfinite(logits).all():
            raise NotFiniteError(
                f"The network gave values that are not numbers, first in its part "
                f"{self._first_bad_part(x)!r}, computing in {self.precision} on {self.device}. "
                "Check the image for such values, or use another device or model."
            )
        return logits

    def _run(self, x: Tensor) -> Tensor:
        low = self.precision == "bfloat16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=low):
            return segmentation_logits(self.network, x, self.kind).float()

    def _first_bad_part(self, x: Tensor) -> str:
        """Run once more, and name the first module whose output is not finite."""
        found: list[str] = []

        def watch(name: str) -> torch.utils.hooks.RemovableHandle:
            def hook(module: nn.Module, given: object, output: object) -> None:
                if not found and not all(torch.isfinite(y).all() for y in _tensors(output)):
                    found.append(name)

            return self.network.get_submodule(name).register_forward_hook(hook)

        handles = [watch(name) for name, _ in self.network.named_modules() if name]
        try:
            self._run(x)
        finally:
            for handle in handles:
                handle.remove()
        return found[0] if found else "output"


def mirrorings(axes: Sequence[int]) -> list[tuple[int, ...]]:
    """Every combination of axes to mirror along, none first."""
    return list(chain.from_iterable(combinations(axes, n) for n in range(len(axes) + 1)))


def _tensors(output: object) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output] if output.is_floating_point() else []
    if isinstance(output, tuple | list):
        return [tensor for part in output for tensor in _tensors(part)]
    return []
