"""Networks kept ready on a device, within a budget of memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from mambaseg.inference.free_memory import free_bytes
from mambaseg.types.errors import IncompatibleWeightsError
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import load_network

__all__ = ["Hosting", "network_bytes"]


@dataclass
class _Hosted:
    network: nn.Module
    size: int
    stamp: tuple[int, int]


class Hosting:
    """Loads networks when they are first asked for, and lets go of those not used for longest.

    Safe to use from any thread.

    Parameters
    ----------
    device : torch.device
        Where they lie.
    budget : int or None
        Bytes that the weights of all together may take; the one that is asked for
        is held whatever it takes. None: half of what is free or held by them.
    """

    def __init__(self, device: torch.device, budget: int | None) -> None:
        self._device, self._budget = device, budget
        self._held: OrderedDict[str, _Hosted] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def models(self) -> list[str]:
        """SHA-256 of each model that is loaded, the one used last at the end."""
        with self._lock:
            return list(self._held)

    def release(self, sha256: str | None = None) -> None:
        """Let go of a model; None: of all. One that computes goes once it has ended."""
        with self._lock:
            if sha256 is None:
                self._held.clear()
            else:
                self._held.pop(sha256, None)

    def network(self, model: TrainedModel, device: torch.device | None = None) -> nn.Module:
        """Give a model's network, loaded if need be.

        Parameters
        ----------
        model : TrainedModel
        device : torch.device, optional
            Where it must lie for the job that computes; left out by others.

        Raises
        ------
        IncompatibleWeightsError
            If the file has changed or gone since the model was chosen.
        """
        with self._lock:
            stamp = _stamp(model)
            held = self._held.get(model.sha256)
            if held is None or held.stamp != stamp:
                held = self._load(model, stamp)
            self._held.move_to_end(model.sha256)
            # Only who computes moves a network: another job may be computing with it.
            return held.network if device is None else held.network.to(device)

    def _load(self, model: TrainedModel, stamp: tuple[int, int]) -> _Hosted:
        self._held.pop(model.sha256, None)
        # Weights lie on disk in half precision: make room for twice that ahead of loading.
        self._make_room(2 * stamp[1])
        network = load_network(model)
        size = network_bytes(network)
        self._make_room(size)
        held = self._held[model.sha256] = _Hosted(network.to(self._device), size, stamp)
        return held

    def _make_room(self, needed: int) -> None:
        budget = self._budget
        if budget is None:
            budget = (free_bytes(self._device) + self._total) // 2
        while self._held and self._total + needed > budget:
            self._held.popitem(last=False)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        elif self._device.type == "xpu":
            torch.xpu.empty_cache()

    @property
    def _total(self) -> int:
        return sum(held.size for held in self._held.values())


def network_bytes(network: nn.Module) -> int:
    """Bytes of a network's weights and buffers."""
    return sum(
        tensor.numel() * tensor.element_size()
        for tensor in (*network.parameters(), *network.buffers())
    )


def _stamp(model: TrainedModel) -> tuple[int, int]:
    """When a model's file was written, in ns, and its length."""
    try:
        status = Path(model.path).stat()
    except OSError as error:
        raise IncompatibleWeightsError(
            f"{model.path} cannot be read any more ({error.strerror}): "
            "it was there when the model was chosen; choose another."
        ) from error
    return status.st_mtime_ns, status.st_size
