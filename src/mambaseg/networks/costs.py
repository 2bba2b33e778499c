"""What a network costs: parameters, arithmetic and memory, stage by stage."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from mambaseg.networks.factory import create_network
from mambaseg.ops.backends import choose

__all__ = ["StageSummary", "Summary", "summary"]


@dataclass(frozen=True)
class StageSummary:
    """The cost of one part of a network.

    Parameters
    ----------
    name : str
        The module's, as in the weights' names.
    parameters : int
        Number of weights.
    macs : int
        Multiplications with addition in one forward pass: those of convolutions, products of
        matrices, and scans; norms and activations not counted.
    activation_bytes : int
        What training keeps for the backward pass, in float32.
    """

    name: str
    parameters: int
    macs: int
    activation_bytes: int


@dataclass(frozen=True)
class Summary:
    """The cost of a network for one input.

    Parameters
    ----------
    network : str
    input_size : tuple of int
        Of one input, without the batch's axis.
    stages : tuple of StageSummary
        They sum up to the whole.
    """

    network: str
    input_size: tuple[int, ...]
    stages: tuple[StageSummary, ...]

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(stage.parameters for stage in self.stages)

    @property
    def macs(self) -> int:
        """Multiplications with addition in one forward pass, scans included."""
        return sum(stage.macs for stage in self.stages)

    @property
    def activation_bytes(self) -> int:
        """What training keeps for the backward pass, in float32."""
        return sum(stage.activation_bytes for stage in self.stages)

    def __str__(self) -> str:
        """Give a table."""
        size = " x ".join(map(str, self.input_size))
        total = StageSummary("total", self.parameters, self.macs, self.activation_bytes)
        lines = [f"{self.network}, input {size}", _line("stage", "parameters", "GMAC", "MiB kept")]
        for stage in (*self.stages, total):
            mebibytes = f"{stage.activation_bytes / 2**20:.1f}"
            lines.append(
                _line(stage.name, f"{stage.parameters:,}", f"{stage.macs / 1e9:.3f}", mebibytes)
            )
        return "\n".join(lines)


def _line(name: str, *figures: str) -> str:
    return f"{name:<28}" + "".join(f"{figure:>16}" for figure in figures)


def summary(name: str, input_size: Sequence[int], **arguments: Any) -> Summary:
    """Count what a network costs, without computing anything.

    Parameters
    ----------
    name : str
        One of `list_networks()`.
    input_size : sequence of int
        Shape of one input, without the batch's axis: (C, H, W), (C, D, H, W), or for Vivim
        (T, C, H, W).
    **arguments
        The network's own.

    Returns
    -------
    Summary

    Raises
    ------
    UnknownNameError, ValueError
        As `create_network` and the network.

    Examples
    --------
    >>> print(summary("segmamba", (4, 96, 96, 96)))  # doctest: +SKIP
    """
    network = create_network(name, **arguments).train()
    shapes = FakeTensorMode()
    weights: dict[str, Tensor] = {
        key: shapes.from_tensor(value)
        for key, value in (*network.named_parameters(), *network.named_buffers())
    }
    with shapes, FlopCounterMode(display=False, custom_mapping=_counts()) as counter:
        meter = _Meter(network, weights, counter)
        with torch.autograd.graph.saved_tensors_hooks(meter.keep, lambda tensor: tensor):
            functional_call(network, weights, (torch.empty(1, *input_size, requires_grad=True),))
    return Summary(name, tuple(input_size), meter.stages(network))


class _Meter:
    """Attributes arithmetic and memory to the stage whose module runs."""

    def __init__(
        self, network: nn.Module, weights: Mapping[str, Tensor], counter: FlopCounterMode
    ) -> None:
        self._counter = counter
        self._weights = {_storage(weight) for weight in weights.values()}
        self._kept: dict[int, tuple[Tensor, str]] = {}
        self._flops: Counter[str] = Counter()
        self._counted = 0
        self._running = [_stage_of("")]
        for name, module in network.named_modules():
            module.register_forward_pre_hook(self._enter(_stage_of(name)))
            module.register_forward_hook(self._leave)

    def _enter(self, stage: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            self._read()
            self._running.append(stage)

        return hook

    def _leave(self, *_: Any) -> None:
        self._read()
        self._running.pop()

    def _read(self) -> None:
        total = self._counter.get_total_flops()
        self._flops[self._running[-1]] += total - self._counted
        self._counted = total

    def keep(self, tensor: Tensor) -> Tensor:
        storage = _storage(tensor)
        if storage not in self._weights:
            self._kept.setdefault(storage, (tensor, self._running[-1]))
        return tensor

    def stages(self, network: nn.Module) -> tuple[StageSummary, ...]:
        parameters: Counter[str] = Counter()
        for name, parameter in network.named_parameters():
            parameters[_stage_of(name)] += parameter.numel()
        held: Counter[str] = Counter()
        for tensor, stage in self._kept.values():
            held[stage] += tensor.untyped_storage().nbytes()
        return tuple(
            StageSummary(stage, parameters[stage], self._flops[stage] // 2, held[stage])
            for stage in dict.fromkeys((*parameters, *self._flops, *held))
            if parameters[stage] or self._flops[stage] or held[stage]
        )


def _stage_of(name: str) -> str:
    """Give the part of the network that a module or weight counts to.

    That is the member of the outermost list of modules that it is in, else the network's child.
    """
    member = re.match(r".*?\.\d+(?=\.|$)", name)
    return member[0] if member else name.partition(".")[0] or "(between stages)"


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata  # fake tensors have no address


def _counts() -> dict[Any, Callable[..., int]]:
    """How to count the floating-point operations of our operators (two for each MAC)."""
    operators = choose(torch.device("cpu"), torch.float32, None)
    return {
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
        operators.scan.overloadpacket: _scan_flops,  # type: ignore[attr-defined]
        operators.conv.overloadpacket: _conv_flops,  # type: ignore[attr-defined]
    }


def _attention_flops(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _scan_flops(u: Sequence[Any], delta: Any, A: Any, *_: Any, **__: Any) -> int:
    # For every token, channel and state: the input's share, the state's step, the output's sum;
    # for every token and channel the skip.
    return sum(2 * math.prod(shape) * (3 * A[-1] + 1) for shape in u)


def _conv_flops(x: Any, weight: Any, *_: Any, **__: Any) -> int:
    return 2 * math.prod(x) * weight[-1]
