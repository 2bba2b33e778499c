"""The networks beside others: time, arithmetic, and the memory that a training step takes.

    python benchmarks/networks.py [volumes] [pictures] [memory]

All parts without an argument. What is compared runs interleaved in this process, on one thread;
figures are medians. MONAI's SwinUNETR needs the package einops. Ends with 1 if a limit is passed.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from record import record, table
from torch import nn

from mambaseg.networks import create_network, summary

ROUNDS = 5


class Case(NamedTuple):
    """A network of ours, and the shape of one input."""

    size: tuple[int, ...]
    arguments: dict[str, Any]


CASES = {
    "vivim": Case((5, 3, 256, 256), {}),
    "vm_unet_v2": Case((3, 256, 256), {}),
    "segmamba": Case((4, 96, 96, 96), {}),
    "log_vmamba_2d": Case((3, 256, 256), {"image_size": (256, 256)}),
    "log_vmamba_3d": Case((4, 96, 96, 96), {"image_size": (96, 96, 96)}),
}


def medians(functions: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Seconds of each, called in turn."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if number:  # the first round warms up
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def forward(network: nn.Module, x: torch.Tensor, **environment: str) -> Callable[[], None]:
    network.eval()

    def run() -> None:
        os.environ.update(environment)
        with torch.inference_mode():
            network(x)
        for key in environment:
            del os.environ[key]

    return run


def in_bfloat16(run: Callable[[], None]) -> Callable[[], None]:
    def low() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            run()

    return low


def computes_bfloat16() -> bool:
    """Whether this CPU multiplies bf16 numbers, rather than widening them."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags


def rows(times: dict[str, float], ours: str) -> list[list[str]]:
    return [
        [name, f"{seconds:.2f}", f"{times[ours] / seconds:.2f}"] for name, seconds in times.items()
    ]


def volumes() -> bool:
    """SegMamba beside MONAI's networks for volumes."""
    from monai.networks.nets import DynUNet, SegResNet, SwinUNETR

    x = torch.randn(1, *CASES["segmamba"].size)
    ours = forward(create_network("segmamba"), x)
    strides = [1, 2, 2, 2, 2, 2]
    functions = {
        "SegMamba": ours,
        "SwinUNETR, feature_size 48": forward(SwinUNETR(4, 4, feature_size=48), x),
        "DynUNet, 6 scales from 32": forward(
            DynUNet(3, 4, 4, [3] * 6, strides, strides[1:], (32, 64, 128, 256, 320, 320)), x
        ),
        "SegResNet, init_filters 32": forward(
            SegResNet(3, init_filters=32, in_channels=4, out_channels=4), x
        ),
    }
    low = "SegMamba, bf16 autocast"
    if computes_bfloat16():
        functions[low] = in_bfloat16(ours)
    times = medians(functions)
    ratio = times["SegMamba"] / times["SwinUNETR, feature_size 48"]
    good = ratio <= 1.10
    text = f"SegMamba / SwinUNETR: {ratio:.2f} (limit 1.10). "
    if low in times:
        halved = times[low] / times["SegMamba"]
        good &= halved <= 0.55
        text += f"bf16 / float32: {halved:.2f} (limit 0.55)."
    else:
        text += "This CPU has neither AMX nor AVX512-BF16: bf16 not measured."
    costs = summary("segmamba", CASES["segmamba"].size)
    record(
        "SegMamba beside other networks for volumes",
        "python benchmarks/networks.py volumes",
        f"4 to 4 channels, 96 x 96 x 96 voxels, forward, one thread, medians of {ROUNDS}, "
        f"interleaved.\nSegMamba: {costs.parameters / 1e6:.2f} M parameters, "
        f"{costs.macs / 1e9:.1f} GMAC with the scans. {text}\n\n"
        + table(["", "s", "SegMamba / it"], rows(times, "SegMamba")),
    )
    return good


def pictures() -> bool:
    """VM-UNetV2 beside MONAI's networks for pictures, and with the portable scan."""
    from monai.networks.nets import AttentionUnet, SwinUNETR

    x = torch.randn(1, *CASES["vm_unet_v2"].size)
    network = create_network("vm_unet_v2")
    swin, attention, portable = (
        "SwinUNETR 2D, feature_size 24",
        "AttentionUnet, 5 scales from 32",
        "VM-UNetV2, portable scan",
    )
    times = medians(
        {
            "VM-UNetV2": forward(network, x),
            swin: forward(SwinUNETR(3, 1, feature_size=24, spatial_dims=2), x),
            attention: forward(AttentionUnet(2, 3, 1, (32, 64, 128, 256, 512), (2, 2, 2, 2)), x),
            portable: forward(network, x, MAMBASEG_SCAN="torch"),
        },
        rounds=2 * ROUNDS + 1,
    )
    ours = times["VM-UNetV2"]
    limits = {swin: 0.75, attention: 1.0, portable: 1 / 4.5}
    costs = summary("vm_unet_v2", CASES["vm_unet_v2"].size)
    bars = ", ".join(
        f"{name} {ours / times[name]:.2f} (limit {limit:.2f})" for name, limit in limits.items()
    )
    record(
        "VM-UNetV2 beside other networks for pictures",
        "python benchmarks/networks.py pictures",
        f"3 channels to 1 map, 256 x 256 pixels, forward, one thread, medians of "
        f"{2 * ROUNDS + 1}, interleaved.\nVM-UNetV2: {costs.parameters / 1e6:.2f} M parameters, "
        f"{costs.macs / 1e9:.2f} GMAC with the scans; the paper gives 17.91 M and 4.40 G.\n"
        "That is what the tool thop counts in the authors' code: it leaves out the weights that\n"
        "stand in no layer of torch's (4.83 M of the scans'), the scans, and a layer never\n"
        "called. The authors' network holds 22.77 M, of which 8.9 M are dead and not built "
        f"here.\nRatios: {bars}.\n\n"
        + table(["", "s", "VM-UNetV2 / it"], rows(times, "VM-UNetV2")),
    )
    return all(ours / times[name] <= limit for name, limit in limits.items())


def step_memory(name: str, checkpointing: bool) -> tuple[float, float]:
    """MiB that a training step takes beyond the network, and its seconds; in a fresh process."""
    command = [sys.executable, __file__, "step", name, str(int(checkpointing))]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    mebibytes, seconds = printed.split()[-2:]
    return float(mebibytes), float(seconds)


def step(name: str, checkpointing: bool) -> None:
    network = create_network(name, **CASES[name].arguments, checkpointing=checkpointing).train()
    x = torch.randn(1, *CASES[name].size)
    for p in network.parameters():
        p.grad = torch.zeros_like(p)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    result = network(x)
    outputs = [result] if isinstance(result, torch.Tensor) else result
    torch.stack([y.square().mean() for y in outputs]).sum().backward()
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print((after - before) / 1024, seconds)


def memory() -> bool:
    """What a training step of each network takes, with and without checkpointing."""
    lines = []
    for name, (size, arguments) in CASES.items():
        plain, frugal = step_memory(name, False), step_memory(name, True)
        shown = f"{name}, {' x '.join(map(str, size))}"
        costs = summary(name, size, **arguments)
        lines.append(
            [
                shown,
                f"{costs.parameters / 1e6:.2f}",
                f"{costs.macs / 1e9:.1f}",
                f"{plain[0]:.0f}",
                f"{frugal[0]:.0f}",
                f"{frugal[1] / plain[1]:.2f}",
            ]
        )
    record(
        "What a training step takes",
        "python benchmarks/networks.py memory",
        "One sample, float32, one thread, forward and backward; peak memory beyond network, "
        "gradients\nand input, each in a process of its own; the time is of one step.\n\n"
        + table(
            [
                "network and input",
                "M parameters",
                "GMAC",
                "MiB",
                "MiB, checkpointing",
                "time, checkpointing / without",
            ],
            lines,
        ),
    )
    return True


PARTS: dict[str, Callable[[], bool]] = {
    "volumes": volumes,
    "pictures": pictures,
    "memory": memory,
}


def main(arguments: Sequence[str]) -> int:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if arguments[:1] == ["step"]:
        step(arguments[1], arguments[2] == "1")
        return 0
    results = [PARTS[part]() for part in arguments or PARTS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
