"""Speed and memory of the scan on a CPU, beside what it is to be measured by.

    python benchmarks/scan.py
    python benchmarks/scan.py --device cuda    # on a GPU: scan_gpu.py

All that is compared runs interleaved in this process; figures are medians. Needs a C++ compiler,
for the hand-written kernel of scan_c.cpp.
"""

from __future__ import annotations

import argparse
import ctypes
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from record import record, table
from torch import Tensor

from mambaseg.ops import NATURAL, REVERSED, Order, interleaved, multi_scan

ROUNDS = 15
REFERENCE_LENGTH = 32768  # beyond, its two (B, D, L, N) tensors take gigabytes
STATES = 16
LANES = 16  # of scan_c.cpp


class Shape(NamedTuple):
    """B1; width D, groups G, length L."""

    width: int
    groups: int
    length: int

    @property
    def reference_length(self) -> int:
        """Positions that the reference is measured over."""
        return min(self.length, REFERENCE_LENGTH)


SHAPES = {
    "a": Shape(96, 1, 262144),
    "b": Shape(192, 1, 32768),
    "c": Shape(768, 4, 4096),
    "d": Shape(128, 1, 20480),
}
INTERLEAVED = interleaved(64)


class Case:
    """Random arguments of `multi_scan` for up to three directions."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        width, groups, length = shape
        g = torch.Generator().manual_seed(0)

        def normal(*size: int) -> Tensor:
            return torch.randn(size, generator=g)

        tokens = (1, length, width)
        states = (1, length, groups, STATES)
        self.u = [normal(*tokens) for _ in range(3)]
        self.delta = [normal(*tokens) for _ in range(3)]
        self.A = -torch.rand(3, width, STATES, generator=g) * STATES
        self.B = [normal(*states) for _ in range(3)]
        self.C = [normal(*states) for _ in range(3)]
        self.D, self.bias = normal(3, width), normal(3, width)
        self.z = normal(*tokens)

    def scan(self, *orders: Order, backend: str = "cpu") -> Tensor:
        k = len(orders)
        return multi_scan(
            self.u[:k],
            self.delta[:k],
            self.A[:k],
            self.B[:k],
            self.C[:k],
            self.D[:k],
            self.z,
            self.bias[:k],
            True,
            orders=orders,
            backend=backend,
        )

    def leaves(self) -> list[Tensor]:
        """What a gradient is asked of, for one direction."""
        own = [self.u[0], self.delta[0], self.B[0], self.C[0]]
        return [*own, self.A, self.D, self.bias, self.z]

    def require_grad(self, required: bool) -> None:
        for leaf in self.leaves():
            leaf.requires_grad_(required)

    def reference(self) -> Tensor:
        """Scan as mamba-ssm's `selective_scan_ref` does: one position after the other.

        In its layout, (B, D, L): its terms exp(dt A) and dt B u are made for all positions at
        once by einsum, then one loop runs over positions, the first `reference_length` ones.
        """
        length = self.shape.reference_length
        u, delta, z = (x[:, :length].mT for x in (self.u[0], self.delta[0], self.z))
        B, C = (x[0][:, :length].permute(0, 2, 3, 1) for x in (self.B, self.C))
        if self.shape.groups == 1:
            shared = "n"
            B, C = B[:, 0], C[:, 0]
        else:
            shared = "dn"
            heads = self.shape.width // self.shape.groups
            B, C = (x.repeat_interleave(heads, dim=1) for x in (B, C))
        dt = F.softplus(delta + self.bias[0, :, None])
        decay = torch.exp(torch.einsum("bdl,dn->bdln", dt, self.A[0]))
        driven = torch.einsum(f"bdl,b{shared}l,bdl->bdln", dt, B, u)
        h = torch.zeros(1, self.shape.width, STATES)
        y = []
        for t in range(length):
            h = decay[:, :, t] * h + driven[:, :, t]
            y.append(torch.einsum(f"bdn,b{shared}->bd", h, C[..., t]))
        return ((torch.stack(y, dim=2) + u * self.D[0, :, None]) * F.silu(z)).mT


def compile_c(folder: Path) -> Callable[[Case], Tensor]:
    source, library = Path(__file__).with_name("scan_c.cpp"), folder / "scan.so"
    flags = ["-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC"]
    subprocess.run(["g++", *flags, str(source), "-o", str(library)], check=True)
    function = ctypes.CDLL(str(library)).scan

    def run(case: Case) -> Tensor:
        y = torch.empty_like(case.z)
        first = (case.u[0], case.delta[0], case.A[0], case.B[0], case.C[0], case.D[0])
        tensors = (*first, case.bias[0], case.z, y)
        sizes = (case.shape.length, case.shape.width, case.shape.groups)
        function(
            *(ctypes.c_void_p(x.data_ptr()) for x in tensors), *(ctypes.c_long(n) for n in sizes)
        )
        return y

    return run


def medians(functions: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds of each, called in turn."""
    for function in functions.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append((time.perf_counter() - start) * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def timed_shape(shape: Shape, c_kernel: Callable[[Case], Tensor]) -> dict[str, float]:
    case = Case(shape)
    expected = case.scan(NATURAL)
    torch.testing.assert_close(c_kernel(case), expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(
        case.reference(), expected[:, : shape.reference_length], rtol=1e-3, atol=1e-3
    )
    return medians(
        {
            "cpu": lambda: case.scan(NATURAL),
            "C": lambda: c_kernel(case),
            "portable": lambda: case.scan(NATURAL, backend="torch"),
            "reference": case.reference,
        }
    )


def timed_orders(shape: Shape) -> dict[str, float]:
    case = Case(shape)
    return medians(
        {
            "natural": lambda: case.scan(NATURAL),
            "reversed": lambda: case.scan(REVERSED),
            "interleaved": lambda: case.scan(INTERLEAVED),
            "three": lambda: case.scan(NATURAL, REVERSED, INTERLEAVED),
        }
    )


def timed_backward(shape: Shape) -> dict[str, float]:
    """Forward, and backward by a graph that is kept for all calls."""
    case = Case(shape)
    grad = torch.randn_like(case.z)
    case.require_grad(True)
    y = case.scan(NATURAL)

    def forward() -> None:
        with torch.no_grad():
            case.scan(NATURAL)

    def backward() -> None:
        torch.autograd.grad(y, case.leaves(), grad, retain_graph=True)

    return medians({"forward": forward, "backward": backward})


def timed_threads(shape: Shape) -> dict[str, float]:
    case = Case(shape)

    def with_threads(n: int) -> Callable[[], None]:
        def run() -> None:
            torch.set_num_threads(n)
            case.scan(NATURAL)

        return run

    result = medians({"one": with_threads(1), "two": with_threads(2)})
    torch.set_num_threads(1)
    return result


def peak_mib() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def backward_memory(shape: Shape) -> tuple[float, float]:
    """What a gradient takes beyond forward's tensors, and these, in MiB."""
    torch.set_num_threads(1)
    case = Case(shape)
    case.scan(NATURAL)
    held = [*case.leaves(), case.z]  # y is as large as z
    forward = sum(x.numel() * x.element_size() for x in held) / 2**20
    case.require_grad(True)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    before = peak_mib()
    y = case.scan(NATURAL)
    torch.autograd.grad(y, case.leaves(), torch.ones(()).expand_as(y))
    return peak_mib() - before, forward


FIRST_CALL = """
import time
import torch
from mambaseg.ops import selective_scan
x, B = torch.ones(1, 64, 512), torch.ones(1, 16, 512)
start = time.perf_counter()
selective_scan(x, x, -torch.ones(64, 16), B, B, backend="cpu")
print(time.perf_counter() - start)
"""


def first_calls() -> tuple[float, float]:
    """Seconds of the first call in a process: with nothing compiled, and with all in the cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "XDG_CACHE_HOME": folder}
        command = [sys.executable, "-c", FIRST_CALL]

        def run() -> float:
            out = subprocess.run(
                command, env=environment, check=True, text=True, capture_output=True
            )
            return float(out.stdout)

        return run(), statistics.median(run() for _ in range(5))


def main() -> None:
    torch.set_num_threads(1)
    forward_rows, other_rows = [], []
    with tempfile.TemporaryDirectory() as folder:
        c_kernel = compile_c(Path(folder))
        for name, shape in SHAPES.items():
            times = timed_shape(shape, c_kernel)
            reference = times["reference"] * shape.length / shape.reference_length
            cpu = times["cpu"]
            sizes = f"({name}) D{shape.width} G{shape.groups} L{shape.length}"
            forward_rows.append(
                [
                    sizes,
                    f"{cpu:.1f}",
                    f"{times['portable'] / cpu:.1f}",
                    f"{reference / cpu:.0f}",
                    f"{100 * times['C'] / cpu:.0f} %",
                ]
            )
            orders = timed_orders(shape)
            gradient = timed_backward(shape)
            threads = timed_threads(shape)
            # In a process of its own: what another measurement freed must not be used again.
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                memory, held = pool.apply(backward_memory, (shape,))
            other_rows.append(
                [
                    sizes,
                    f"{orders['reversed'] / orders['natural']:.2f}",
                    f"{orders['interleaved'] / orders['natural']:.2f}",
                    f"{orders['three'] / orders['natural']:.2f}",
                    f"{gradient['backward'] / gradient['forward']:.2f}",
                    f"{memory / held:.2f}",
                    f"{threads['one'] / threads['two']:.2f}",
                ]
            )
    cold, warm = first_calls()
    forward = table(
        ["shape (B1, N16, float32)", "ms", "portable / ours", "reference / ours", "speed of C"],
        forward_rows,
    )
    others = table(
        [
            "shape",
            "reversed",
            "64 chunks interleaved",
            "three in one call",
            "backward",
            "backward's memory",
            "two threads",
        ],
        other_rows,
    )
    record(
        "The scan on a CPU",
        "python benchmarks/scan.py",
        f"""One thread. Forward with softplus, skip and gate, medians of {ROUNDS}, interleaved.
"Portable" is the PyTorch backend; "reference" the semantics of mamba-ssm's `selective_scan_ref`,
measured over at most {REFERENCE_LENGTH} positions and extrapolated linearly; "C" the same algorithm
by hand (scan_c.cpp, `g++ -O3 -march=native`).

{forward}

The rest as ratios: orders, three directions, and backward to forward in the natural order;
backward's memory beyond forward's tensors (inputs and output) to these; one thread to two.

{others}

First call in a process: {cold:.1f} s with nothing compiled (self-test and all), {warm:.2f} s from
the cache.""",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", help="measure Triton and mamba-ssm on this one")
    device = parser.parse_args().device
    if device is None:
        main()
    else:
        import scan_gpu

        scan_gpu.main(device)
