"""Numbers from the authors' code, which ours must meet.

Each fixture is a JSON file, which says how weights and inputs are filled from seeds, and an
.npz file with samples of outputs, intermediate values and gradients.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)

NETWORK_DTYPES = pytest.mark.parametrize(
    "dtype", [torch.float32, pytest.param(torch.float64, marks=pytest.mark.slow)], ids=str
)
"""In float64 a whole network takes half a minute, which waits for the long tests."""


FOLDER = Path(__file__).parents[1] / "golden"


def names(pattern: str) -> list[str]:
    """Fixtures by a pattern, for parametrisation."""
    found = sorted(
        str(p.relative_to(FOLDER).with_suffix("")) for p in FOLDER.glob(f"{pattern}.json")
    )
    assert found, f"no golden fixture {pattern}"
    return found


def shared_folder(shared: Path) -> Path:
    """All fixtures, of which `FOLDER` has copies of a few."""
    return shared / "golden/public"


def noise(seed: str, shape: tuple[int, ...] | list[int]) -> NDArray[np.float32]:
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(seed.encode())))
    return generator.standard_normal(tuple(shape)).astype(np.float32)


class Golden:
    """One fixture."""

    def __init__(self, name: str, folder: Path = FOLDER) -> None:
        self.meta: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
        self.arrays = np.load(folder / f"{name}.npz")

    def state_dict(self) -> dict[str, Tensor]:
        """The reference's weights under its own names."""
        weights: dict[str, Tensor] = {}
        for entry in self.meta["keys"]:
            if entry["kind"] == "alias":
                weights[entry["name"]] = weights[entry["alias_of"]]
                continue
            x = noise(entry["name"], entry["shape"])
            if entry["kind"] == "affine":
                x = x * np.float32(entry["s"]) + np.float32(entry["b"])
            elif entry["kind"] == "A_log":
                rates = np.arange(1, entry["shape"][-1] + 1, dtype=np.float32)
                x = np.log(rates) + x * np.float32(entry["s"])
            elif entry["kind"] == "keep":  # a frozen kernel that copies neighbours
                x = np.eye(len(x), dtype=np.float32).reshape(x.shape)
            else:
                assert entry["kind"] == "skip", entry
                x = np.zeros(entry["shape"], np.int64)
            weights[entry["name"]] = torch.from_numpy(np.asarray(x))
        return weights

    def inputs(self, dtype: torch.dtype) -> list[Tensor]:
        i = self.meta["input"]
        arrays = [
            noise(seed, shape) * np.float32(i["scale"])
            for seed, shape in zip(i["names"], i["shapes"], strict=True)
        ]
        return [torch.from_numpy(x).to(dtype).requires_grad_() for x in arrays]

    def input(self, dtype: torch.dtype) -> Tensor:
        (x,) = self.inputs(dtype)
        return x

    def loss(self, outputs: list[Tensor]) -> Tensor:
        seeds = self.meta["gradient"]["noise_names"]
        parts = [
            (y * torch.from_numpy(noise(seed, y.shape)).to(y.dtype)).mean()
            for seed, y in zip(seeds, outputs, strict=True)
        ]
        return torch.stack(parts).sum()

    def check_outputs(self, outputs: list[Tensor]) -> None:
        assert len(outputs) == len(self.meta["outputs"])
        for i, (y, expected) in enumerate(zip(outputs, self.meta["outputs"], strict=True)):
            assert list(y.shape) == expected["shape"]
            double = y.dtype == torch.float64
            tolerance = (1e-9 if double else 2e-4) * max(1.0, expected["std"])
            array = self.arrays[f"out{i}_f64" if double else f"out{i}"]
            assert np.abs(sample(y, expected["step"]) - array).max() <= tolerance

    def check_intermediate(self, name: str, value: Tensor, tolerance: float = 2e-4) -> None:
        entry = next(e for e in self.meta["intermediates"] if e["module"] == name)
        assert list(value.shape) == entry["shape"], name
        error = np.abs(sample(value, entry["step"]) - self.arrays[entry["array"]]).max()
        assert error <= tolerance * max(1.0, entry["std"]), (name, error)

    def check_gradients(
        self,
        x: Tensor | list[Tensor],
        parameters: dict[str, Tensor],
        *,
        has_kinks: bool = False,
    ) -> None:
        """Compare the inputs' gradients and those of parameters, by the reference's names.

        Tolerances: 1e-7 of a tensor's largest value in float64, 1e-4 in float32. A network
        with kinks (ReLU) turns on a single unit's sign, so that its valid float32 runs differ
        by per cents from each other: there, direction and length are compared in float32.
        """
        xs = [x] if isinstance(x, Tensor) else x
        double = xs[0].dtype == torch.float64
        gradient = self.meta["gradient"]
        pairs = []
        for entry, given in zip(gradient["inputs"], xs, strict=True):
            assert given.grad is not None
            pairs.append((entry, entry["array"] + ("_f64" if double else ""), given.grad))
        dead = set(gradient["parameters_without_gradient"])
        for entry in gradient["params"]:
            if entry["name"] in dead:
                assert entry["name"] not in parameters, "dead in the reference, but not in ours"
                continue
            found = parameters[entry["name"]].grad
            assert found is not None, entry["name"]
            pairs.append((entry, ("g64:" if double else "g:") + entry["name"], found))
        for entry, array, gradient_found in pairs:
            expected = self.arrays[array].astype(np.float64)
            ours = sample(gradient_found, entry["step"]).astype(np.float64)
            if has_kinks and not double:
                lengths = np.linalg.norm(ours), np.linalg.norm(expected)
                assert ours @ expected > 0.999 * lengths[0] * lengths[1], array
                assert abs(lengths[0] / lengths[1] - 1) < 0.02, array
            else:
                error = np.abs(ours - expected).max() / np.abs(expected).max()
                assert error <= (1e-7 if double else 1e-4), (array, error)


def sample(tensor: Tensor, step: int) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().reshape(-1)[::step].numpy()
    return array
