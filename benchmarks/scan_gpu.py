"""Speed and memory of the scan and of the networks on a GPU; see scan.py --device cuda.

With TRITON_INTERPRET=1 and --device cpu it runs through on tiny shapes, and measures nothing of
worth: a check of this file where there is no GPU.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from record import record, table
from torch import Tensor

from mambaseg.networks import create_network
from mambaseg.ops import NATURAL, REVERSED, available_backends, interleaved, multi_scan

ROUNDS = 20
STATES = 16
SHAPES = {  # width, groups, length; B1
    "a": (96, 1, 262144),
    "b": (192, 1, 32768),
    "c": (768, 4, 4096),
    "d": (128, 1, 20480),
}
TINY_SHAPES = {"tiny": (4, 2, 6)}
NETWORKS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "vivim": ((1, 5, 3, 256, 256), {}),
    "vm_unet_v2": ((1, 3, 256, 256), {}),
    "segmamba": ((1, 4, 128, 128, 128), {}),
    "log_vmamba_2d": ((1, 3, 512, 512), {"image_size": (512, 512)}),
    "log_vmamba_3d": ((1, 4, 128, 128, 128), {"image_size": (128, 128, 128)}),
}
TINY_NETWORKS = {"vivim": ((1, 1, 3, 32, 32), {"backbone": "b0"})}
SWIN_SIDE, TINY_SWIN_SIDE = 128, 64


class Clock:
    """Times by the GPU's own events; by the wall clock on a CPU."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.rounds = ROUNDS if device.type == "cuda" else 1

    def once(self, function: Callable[[], Any]) -> float:
        if self.device.type != "cuda":
            start = time.perf_counter()
            function()
            return (time.perf_counter() - start) * 1e3
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        function()
        end.record()
        end.synchronize()
        return start.elapsed_time(end)

    def medians(self, functions: dict[str, Callable[[], Any]]) -> dict[str, float]:
        """Milliseconds of each, called in turn; two rounds warm up."""
        times: dict[str, list[float]] = {name: [] for name in functions}
        for number in range(self.rounds + 2):
            for name, function in functions.items():
                value = self.once(function)
                if number >= 2:
                    times[name].append(value)
        return {name: statistics.median(values) for name, values in times.items()}

    def peak(self, function: Callable[[], Any]) -> float:
        """MiB that a call takes at most beyond what is held before it."""
        if self.device.type != "cuda":
            function()
            return float("nan")
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        function()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 2**20


class Case:
    """Random arguments of `multi_scan` for up to three directions."""

    def __init__(self, shape: tuple[int, int, int], dtype: torch.dtype, device: Any) -> None:
        width, groups, length = shape
        g = torch.Generator(device=device).manual_seed(0)

        def normal(*size: int, as_: torch.dtype = dtype) -> Tensor:
            return torch.randn(size, generator=g, device=device).to(as_)

        self.orders = [NATURAL, REVERSED, interleaved(64 if length % 64 == 0 else 2)]
        self.u, self.delta = ([normal(1, length, width) for _ in range(3)] for _ in range(2))
        self.B, self.C = ([normal(1, length, groups, STATES) for _ in range(3)] for _ in range(2))
        self.A = -torch.rand(3, width, STATES, generator=g, device=device) * STATES
        self.D, self.bias = (normal(3, width, as_=torch.float32) for _ in range(2))
        self.z, self.grad = normal(1, length, width), normal(1, length, width)
        tokens = [self.u[0], self.delta[0], self.B[0], self.C[0], self.z, self.z]
        self.moved = sum(x.numel() * x.element_size() for x in tokens)  # z stands for y too

    def scan(self, directions: int, backend: str) -> Tensor:
        k = directions
        lists = (self.u[:k], self.delta[:k], self.A[:k], self.B[:k], self.C[:k])
        return multi_scan(
            *lists, self.D[:k], self.z, self.bias[:k], True,
            orders=self.orders[:k], backend=backend,
        )  # fmt: skip

    def leaves(self) -> list[Tensor]:
        own = [self.u[0], self.delta[0], self.B[0], self.C[0]]
        return [*own, self.A, self.D, self.bias, self.z]

    def step(self, backend: str) -> None:
        """Forward and backward, of one direction."""
        for leaf in self.leaves():
            leaf.requires_grad_(True)
        y = self.scan(1, backend)
        torch.autograd.grad(y, self.leaves(), self.grad)
        for leaf in self.leaves():
            leaf.requires_grad_(False)


def copy_bandwidth(clock: Clock) -> float:
    """GB/s of the card's own copy, read and written."""
    numbers = 1 << (28 if clock.device.type == "cuda" else 16)
    x = torch.zeros(numbers, device=clock.device)
    y = torch.empty_like(x)
    return 2 * x.nbytes / clock.medians({"copy": lambda: y.copy_(x)})["copy"] / 1e6


def scans(clock: Clock, backends: list[str], bandwidth: float) -> str:
    rows = []
    shapes = SHAPES if clock.device.type == "cuda" else TINY_SHAPES
    for name, shape in shapes.items():
        for dtype in (torch.float32, torch.bfloat16):
            case = Case(shape, dtype, clock.device)
            one = clock.medians({b: partial(case.scan, 1, b) for b in backends})
            three = clock.medians({b: partial(case.scan, 3, b) for b in backends})
            steps = clock.medians({b: partial(case.step, b) for b in backends})
            for b in backends:
                memory = clock.peak(partial(case.step, b))
                rate = case.moved / one[b] / 1e6
                rows.append(
                    [
                        f"({name}) D{shape[0]} G{shape[1]} L{shape[2]}, "
                        f"{str(dtype).removeprefix('torch.')}, {b}",
                        f"{one[b]:.3f}",
                        f"{steps[b]:.3f}",
                        f"{100 * rate / bandwidth:.0f} %",
                        f"{three[b] / one[b]:.2f}",
                        f"{memory:.1f}",
                        f"{one[backends[0]] / one[b]:.2f}",
                        f"{steps[backends[0]] / steps[b]:.2f}",
                    ]
                )
    return table(
        [
            "shape and backend",
            "forward, ms",
            "forward and backward, ms",
            "of copy bandwidth",
            "three directions / one",
            "peak of a step, MiB",
            f"forward, {backends[0]} / it",
            f"step, {backends[0]} / it",
        ],
        rows,
    )


def networks(clock: Clock, backends: list[str]) -> str:
    """Frames or volumes per second, with each backend, beside MONAI's SwinUNETR."""
    from monai.networks.nets import SwinUNETR

    rows = []
    on_gpu = clock.device.type == "cuda"

    def rate(network: torch.nn.Module, x: Tensor, backend: str, dtype: torch.dtype) -> float:
        def run() -> None:
            enabled = dtype != torch.float32
            with torch.inference_mode(), torch.autocast(clock.device.type, dtype, enabled=enabled):
                network(x)

        before = os.environ.get("MAMBASEG_SCAN")
        os.environ["MAMBASEG_SCAN"] = backend
        try:
            per_call = clock.medians({"it": run})["it"]
        finally:
            if before is None:
                del os.environ["MAMBASEG_SCAN"]
            else:
                os.environ["MAMBASEG_SCAN"] = before
        return (x.shape[1] if x.ndim == 5 and x.shape[2] == 3 else 1) * 1e3 / per_call

    for name, (size, arguments) in (NETWORKS if on_gpu else TINY_NETWORKS).items():
        network = create_network(name, **arguments).to(clock.device).eval()
        x = torch.randn(size, device=clock.device)
        for dtype in (torch.float32, torch.bfloat16):
            values = [f"{rate(network, x, b, dtype):.1f}" for b in backends]
            shown = " x ".join(map(str, size[1:]))
            precision = str(dtype).removeprefix("torch.")
            rows.append([f"{name}, {shown}, {precision}", *values])
    swin = SwinUNETR(4, 4, feature_size=48).to(clock.device).eval()
    side = SWIN_SIDE if on_gpu else TINY_SWIN_SIDE
    x = torch.randn(1, 4, side, side, side, device=clock.device)
    for dtype in (torch.float32, torch.bfloat16):
        value = f"{rate(swin, x, 'torch', dtype):.1f}"
        precision = str(dtype).removeprefix("torch.")
        rows.append(
            [
                f"MONAI SwinUNETR, 4 x {side} x {side} x {side}, {precision}",
                value,
                *[""] * (len(backends) - 1),
            ]
        )
    return table(["per second", *backends], rows)


def main(name: str) -> None:
    device = torch.device(name)
    backends = [b for b in ("mamba_ssm", "triton") if b in available_backends()]
    if not backends:
        raise SystemExit("Neither Triton nor mamba-ssm runs here; mambaseg info says why.")
    clock = Clock(device)
    bandwidth = copy_bandwidth(clock)
    text = scans(clock, [*backends, "torch"], bandwidth)
    rates = networks(clock, [*backends, "torch"])
    if device.type != "cuda":
        print(text, rates, sep="\n\n")
        return
    card = torch.cuda.get_device_name(device)
    record(
        "The scan on a GPU",
        "python benchmarks/scan.py --device cuda",
        f"""{card}, copy bandwidth {bandwidth:.0f} GB/s. B1, N16, softplus, skip and gate; medians
of {ROUNDS}, interleaved. "Of copy bandwidth": inputs and output of one direction, each moved once.

{text}

Networks, forward, frames or volumes per second with each backend:

{rates}""",
    )
