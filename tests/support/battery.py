"""What every network must do: a test class that each network's tests inherit.

    class TestVivim(NetworkBattery):
        name = "vivim"
        small = {"backbone": "b0", ...}
        ...

The random numbers of each test are fixed. Numbers of the authors' own are checked elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from golden import Golden
from mambaseg.networks import create_network, list_networks, summary
from mambaseg.zoo import convert_state_dict

Size = tuple[int, ...]


class NetworkBattery:
    """The inherited tests; a network's class fills the attributes."""

    name: ClassVar[str]
    """As in `create_network`."""
    small: ClassVar[dict[str, Any]]
    """Arguments of a small network, without in_channels and out_channels."""
    size: ClassVar[Size]
    """A spatial size that the authors' code takes too."""
    sizes: ClassVar[Sequence[Size]]
    """Others, odd and not square."""
    smallest: ClassVar[Size]
    """The smallest spatial size; one less along any axis must be refused."""
    in_channels: ClassVar[int] = 3
    other_channels: ClassVar[Sequence[int]] = (1, 4)
    fixture: ClassVar[str]
    """Fixture in tests/golden, whose keys are those of the authors' network ..."""
    authors: ClassVar[dict[str, Any]]
    """... which these arguments build."""
    untrained: ClassVar[frozenset[str]] = frozenset()
    """Weights of ours that such a checkpoint has not."""
    time_step_bias: ClassVar[str] = r"dt_proj\.bias$"
    """Pattern of the parameters that hold time steps' biases."""
    bfloat16_error: ClassVar[float] = 0.1
    """How far bf16 autocast may be off, in parts of the largest logit."""
    fullgraph: ClassVar[bool] = True
    """Whether the compiler takes it in one graph."""

    # What a network with another kind of input or output overrides.

    def build(self, **arguments: Any) -> nn.Module:
        torch.manual_seed(0)
        return create_network(
            self.name, **{"in_channels": self.in_channels, **self.small, **arguments}
        ).eval()

    def random(self, batch: int = 1, *, channels: int | None = None, size: Size = ()) -> Tensor:
        """Input of a spatial size; the network's own channels and size by default."""
        generator = torch.Generator().manual_seed(1)
        shape = self.input_shape(batch, channels or self.in_channels, size or self.size)
        return torch.randn(shape, generator=generator)

    def input_shape(self, batch: int, channels: int, size: Size) -> Size:
        return (batch, channels, *size)

    def output_shapes(self, batch: int, classes: int, size: Size) -> list[Size]:
        return [(batch, classes, *size)]

    def refused(self) -> list[tuple[Size, str]]:
        """Sizes that are too small, each with what the message says that fits."""
        fits = " x ".join(map(str, self.smallest))
        return [
            (tuple(side - (i == axis) for i, side in enumerate(self.smallest)), fits)
            for axis in range(len(self.smallest))
        ]

    @staticmethod
    def outputs(result: Tensor | Sequence[Tensor]) -> list[Tensor]:
        return [result] if isinstance(result, Tensor) else list(result)

    def run(self, network: nn.Module, x: Tensor) -> list[Tensor]:
        with torch.no_grad():
            return self.outputs(network(x))

    def check(self, network: nn.Module, x: Tensor, classes: int, size: Size) -> list[Tensor]:
        outputs = self.run(network, x)
        expected = self.output_shapes(x.shape[0], classes, size)
        assert [tuple(y.shape) for y in outputs] == expected
        assert all(y.isfinite().all() for y in outputs)
        return outputs

    def gradients(self, network: nn.Module, x: Tensor) -> dict[str, Tensor]:
        """Of every parameter, in training mode, with fixed random numbers."""
        network.train().zero_grad()
        torch.manual_seed(2)
        loss = torch.stack([y.square().mean() for y in self.outputs(network(x))]).sum()
        loss.backward()
        missing = [name for name, p in network.named_parameters() if p.grad is None]
        assert not missing, f"the loss does not reach {missing}"
        return {
            name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None
        }

    # The tests.

    def test_is_registered(self) -> None:
        assert self.name in list_networks()

    @pytest.mark.parametrize("batch", [1, 3])
    def test_forward(self, batch: int) -> None:
        self.check(self.build(out_channels=2), self.random(batch), 2, self.size)

    @pytest.mark.parametrize("classes", [1, 4])
    def test_classes(self, classes: int) -> None:
        self.check(self.build(out_channels=classes), self.random(), classes, self.size)

    def test_channels(self) -> None:
        for channels in self.other_channels:
            network = self.build(in_channels=channels, out_channels=2)
            self.check(network, self.random(channels=channels), 2, self.size)

    def test_sizes(self) -> None:
        network = self.build(out_channels=2)
        for size in (self.smallest, *self.sizes):
            self.check(network, self.random(size=size), 2, size)

    def test_too_small_is_refused(self) -> None:
        network = self.build()
        for size, fits in self.refused():
            given = " x ".join(map(str, size))
            with pytest.raises(ValueError, match=f"at least {fits}.*got {given}"):
                network(self.random(size=size))

    def test_wrong_channels_are_named(self) -> None:
        x = self.random(channels=self.in_channels + 2)
        with pytest.raises(ValueError, match=re.escape(f"got {tuple(x.shape)}")) as error:
            self.build()(x)
        assert str(self.in_channels) in str(error.value)

    def test_wrong_axes_are_named(self) -> None:
        x = self.random()[0]
        with pytest.raises(ValueError, match=re.escape(f"got {tuple(x.shape)}")):
            self.build()(x)

    def test_gradient_reaches_every_weight(self) -> None:
        self.gradients(self.build(out_channels=2), self.random(2))

    def test_samples_do_not_mix(self) -> None:
        network, x = self.build(), self.random(3)
        alone = self.run(network, x[1:2])
        for whole, part in zip(self.run(network, x), alone, strict=True):
            torch.testing.assert_close(whole[1:2], part, rtol=1e-3, atol=1e-4)

    def test_save_and_load(self, tmp_path: Path) -> None:
        network, x = self.build(), self.random()
        save_file(network.state_dict(), tmp_path / "weights.safetensors")
        other = create_network(self.name, **{"in_channels": self.in_channels, **self.small}).eval()
        assert not torch.equal(self.run(other, x)[0], self.run(network, x)[0])
        other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
        for ours, theirs in zip(self.run(other, x), self.run(network, x), strict=True):
            assert torch.equal(ours, theirs)

    @pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
    def test_conversion_takes_every_weight_or_says_why_not(self, prefix: str) -> None:
        foreign = Golden(self.fixture).state_dict()
        network = create_network(self.name, **self.authors)
        converted, report = convert_state_dict(
            network, {prefix + key: value for key, value in foreign.items()}
        )
        assert set(report.matched) | set(report.dropped) == set(foreign)
        assert not set(report.matched) & set(report.dropped)
        filled = list(report.matched.values())
        assert len(filled) == len(set(filled)), "two weights for one place"
        assert set(network.state_dict()) - set(filled) == set(report.untrained) == self.untrained
        for theirs, ours in report.matched.items():
            assert torch.equal(converted[ours], foreign[theirs])
        network.load_state_dict(converted)

    def test_bfloat16_autocast_stays_close(self) -> None:
        network, x = self.build(out_channels=2), self.random()
        exact = self.run(network, x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            low = self.run(network, x)
        for a, b in zip(low, exact, strict=True):
            assert (a.float() - b).abs().max() <= self.bfloat16_error * b.abs().max()

    def test_float64(self) -> None:
        network, x = self.build(out_channels=2), self.random()
        exact = self.run(network, x)
        for a, b in zip(self.run(network.double(), x.double()), exact, strict=True):
            assert a.dtype == torch.float64
            assert (a - b).abs().max() <= 1e-3 * b.abs().max()

    def test_same_input_same_output_and_gradient(self) -> None:
        network, x = self.build(out_channels=2), self.random(2)
        for a, b in zip(self.run(network, x), self.run(network, x), strict=True):
            assert torch.equal(a, b)
        state = {name: value.clone() for name, value in network.state_dict().items()}
        first = self.gradients(network, x)
        network.load_state_dict(state)  # a batch norm's running statistics
        second = self.gradients(network, x)
        assert all(torch.equal(first[name], second[name]) for name in first)

    def test_checkpointing_gives_the_same_gradients(self) -> None:
        x = self.random(2)
        plain = self.gradients(self.build(out_channels=2), x)
        frugal = self.gradients(self.build(out_channels=2, checkpointing=True), x)
        assert plain.keys() == frugal.keys()
        for name in plain:
            torch.testing.assert_close(frugal[name], plain[name], rtol=1e-5, atol=1e-8)

    def test_checkpointing_keeps_less(self) -> None:
        def kept(checkpointing: bool) -> int:
            network = self.build(checkpointing=checkpointing).train()
            tensors: dict[int, Tensor] = {}  # by address: none is freed while it stands here

            def keep(tensor: Tensor) -> Tensor:
                tensors[tensor.untyped_storage().data_ptr()] = tensor
                return tensor

            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                self.outputs(network(self.random(2)))
            return sum(tensor.untyped_storage().nbytes() for tensor in tensors.values())

        assert kept(True) < 0.8 * kept(False)

    def test_mambas_own_start_of_the_time_steps(self) -> None:
        network = self.build(initialisation="mamba")
        steps = [
            nn.functional.softplus(parameter.detach())
            for name, parameter in network.named_parameters()
            if re.search(self.time_step_bias, name)
        ]
        assert steps
        for step in steps:
            assert 0.99e-3 <= step.min() < step.max() <= 1.01e-1

    def test_unknown_initialisation_is_refused(self) -> None:
        with pytest.raises(ValueError, match="initialisation must be one of .*got 'lucky'"):
            self.build(initialisation="lucky")

    @pytest.mark.slow
    def test_compiles(self) -> None:
        network, x = self.build(out_channels=2), self.random()
        compiled = torch.compile(network, backend="aot_eager", fullgraph=self.fullgraph)
        for a, b in zip(self.run(compiled, x), self.run(network, x), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)

    @pytest.mark.slow
    def test_exports(self) -> None:
        network, x = self.build(out_channels=2), self.random()
        exported = torch.export.export(network, (x,)).module()
        for a, b in zip(self.run(exported, x), self.run(network, x), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)

    def test_summary_adds_up(self) -> None:
        arguments = {"in_channels": self.in_channels, **self.small}
        input_size = tuple(self.random().shape[1:])
        costs = summary(self.name, input_size, **arguments)
        assert costs.parameters == sum(p.numel() for p in self.build().parameters())
        assert costs.macs > 0
        assert costs.activation_bytes > 0
        assert all(
            min(stage.parameters, stage.macs, stage.activation_bytes) >= 0 for stage in costs.stages
        )
        assert f"{costs.parameters:,}" in str(costs)
