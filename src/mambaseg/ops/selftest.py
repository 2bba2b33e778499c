"""Whether a backend computes the same as the portable one in float64, on this very machine."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs
import torch
from torch import Tensor

from mambaseg.ops.operators import Operators

__all__ = ["SelfTestError", "check"]

_log = logging.getLogger(__name__)

_PACKAGES = ("torch", "numba", "llvmlite", "numpy", "triton", "mamba-ssm", "causal-conv1d")
_EXTENSIONS = ("selective_scan_cuda", "causal_conv1d_cuda")  # built anew under the same version

TOLERANCE = 1e-4
"""Largest error allowed, relative to a tensor's largest number."""


class SelfTestError(RuntimeError):
    """A backend gave other numbers than the portable one."""


def check(name: str, operators: Operators, reference: Operators, device: torch.device) -> None:
    """Compare a backend on its device with the reference, unless it is known to have passed.

    Raises
    ------
    SelfTestError
        If an output or a gradient differs.
    """
    passed = _marker(name, device)
    try:
        if passed.exists():
            return
    except OSError as error:
        _log.info("the self-test's result cannot be looked up: %s", error)
    compare(operators, reference, device)
    try:
        passed.parent.mkdir(parents=True, exist_ok=True)
        passed.touch()
    except OSError as error:
        _log.info("the self-test's result cannot be remembered: %s", error)


def compare(operators: Operators, reference: Operators, device: torch.device | str = "cpu") -> None:
    """Compare outputs and gradients on a small case with every feature.

    Raises
    ------
    SelfTestError
        If one differs.
    """
    # Whatever mode the first scan of a process runs in, gradients are compared here.
    with torch.inference_mode(False), torch.enable_grad():
        found = _results(operators, torch.float32, device)
        expected = _results(reference, torch.float64, "cpu")
    for name, value in found.items():
        scale = float(expected[name].abs().max())
        error = float((value.cpu().double() - expected[name]).abs().max())
        if not error <= TOLERANCE * scale:  # so written, NaN fails
            raise SelfTestError(f"{name} is off by {error:.1e}, its largest number is {scale:.1e}")


def _results(
    operators: Operators, dtype: torch.dtype, device: torch.device | str
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    batch, length, groups, width, states, taps = 2, 68, 2, 46, 11, 4

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device, dtype).requires_grad_()

    tokens = {
        name: [normal(batch, length, *rest) for _ in range(2)]
        for name, rest in {
            "delta": (width,),
            "B": (groups, states),
            "C": (groups, states),
        }.items()
    }
    x, z = normal(batch, length, width), normal(batch, length, width)
    A, D, bias = normal(2, width, states), normal(2, width), normal(2, width)
    weight, conv_bias = normal(width, taps), normal(width)
    u = [operators.conv(x, weight, conv_bias, *order) for order in ((1, False), (4, True))]
    y, _ = operators.scan(
        u, tokens["delta"], -A.exp(), tokens["B"], tokens["C"], D, z, bias, True,
        [1, 4], [False, True], True,
    )  # fmt: skip
    given = {"x": x, "z": z, "A": A, "D": D, "delta_bias": bias}
    given |= {"weight": weight, "conv_bias": conv_bias}
    given |= {f"{name}[{k}]": v for name, vs in tokens.items() for k, v in enumerate(vs)}
    with torch.enable_grad():
        weights = torch.randn(y.shape, generator=generator).to(device, dtype)
        grads = torch.autograd.grad(y, list(given.values()), weights)
    results = {"the output": y.detach()}
    results |= {f"the gradient of {k}": g for k, g in zip(given, grads, strict=True)}
    return results


def _marker(name: str, device: torch.device) -> Path:
    """Give the file that is there if the backend passed: here, with these versions and sources."""
    folder = Path(__file__).parent
    digest = hashlib.sha256(platform.processor().encode() + platform.node().encode())
    if device.type == "cuda":
        digest.update(f"{torch.cuda.get_device_properties(device)}".encode())
        digest.update(f"{torch.version.cuda} {torch.version.hip}".encode())
    for source in sorted(folder.rglob("*.py")):
        digest.update(source.read_bytes())
    for package in _PACKAGES:
        try:
            digest.update(f"{package} {version(package)};".encode())
        except PackageNotFoundError:
            continue
    for module in _EXTENSIONS:
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.origin is not None:
            state = Path(spec.origin).stat()
            digest.update(f"{spec.origin} {state.st_size} {state.st_mtime_ns};".encode())
    root = platformdirs.user_cache_path("mambaseg", appauthor=False)
    return root / "scan" / f"{name}-{digest.hexdigest()[:16]}.passed"
