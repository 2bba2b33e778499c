"""What a forward pass, or a step of training, holds at its peak, from shapes alone."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mambaseg.ops.backends import choose

__all__ = ["forward_bytes", "training_bytes"]


def forward_bytes(network: nn.Module, input_shape: Sequence[int], *, bfloat16: bool = False) -> int:
    """Count what a forward pass without gradients holds at once, without computing anything.

    Parameters
    ----------
    network : Module
        It stays as it is, and may be computing in another thread.
    input_shape : sequence of int
        Of the whole batch.
    bfloat16 : bool
        Whether it runs under autocast.

    Returns
    -------
    int
        Bytes of input, output and what lies between, without weights and without what
        the kernels take for themselves.

    Raises
    ------
    ValueError
        As the network.
    """
    shapes, twin, device = _without_numbers(network)
    with shapes, torch.no_grad():
        x = torch.empty(*input_shape, device=device)
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16), _Peak() as held:
            twin.eval()(x)
    return held.peak


def training_bytes(
    network: nn.Module,
    input_shape: Sequence[int],
    loss: Callable[[Any], Tensor],
    *,
    bfloat16: bool = False,
) -> int:
    """Count what a forward and a backward pass hold at once, without computing anything.

    Parameters
    ----------
    network : Module
        It stays as it is.
    input_shape : sequence of int
        Of all samples that the device sees at once.
    loss : callable
        From what the network gives to one number.
    bfloat16 : bool
        Whether it runs under autocast.

    Returns
    -------
    int
        Bytes of input, output, gradients and what lies between, without weights and
        without what the kernels take for themselves.

    Raises
    ------
    ValueError
        As the network.
    """
    shapes, twin, device = _without_numbers(network)
    with shapes, _Peak() as held:
        x = torch.empty(*input_shape, device=device)
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
            total = loss(twin.train()(x))
        total.backward()
    return held.peak


def _without_numbers(network: nn.Module) -> tuple[FakeTensorMode, nn.Module, str]:
    """Give a network of the same shapes, where it computes, and its kind of device."""
    choose(torch.device("cpu"), torch.float32, None)  # the kernels test themselves on real numbers
    shapes = FakeTensorMode()
    weights = [*network.parameters(), *network.buffers()]
    twin = copy.deepcopy(network, {id(weight): shapes.from_tensor(weight) for weight in weights})
    return shapes, twin, weights[0].device.type


class _Peak(TorchDispatchMode):
    """Adds up the storages that operators make, until they are let go."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = self._now = 0
        self._live: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._note(tensor.untyped_storage())
        self.peak = max(self.peak, self._now)
        return result

    def _note(self, storage: Any) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._live:
            return

        def gone(_: object) -> None:
            self._now -= size
            self._live.pop(key, None)

        self._live[key] = weakref.ref(storage, gone)
        self._now += size
