"""Compile every Triton kernel for a GPU that need not be there: `compile_kernels.py sm_80`.

The backend itself launches them, on tensors of a CPU, but each launch only compiles. Prints a line
per kernel: its name, bytes of registers spilt, and bytes of shared memory.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import jit
from triton.runtime.driver import driver

from mambaseg.ops.arguments import ScanArguments
from mambaseg.ops.triton import backend, plan

TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}


class Absent:
    """The driver of a GPU that is not there."""

    def __init__(self, target: GPUTarget) -> None:
        self.target = target

    def get_current_target(self) -> GPUTarget:
        return self.target

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int | None = None) -> int:
        return 0


def spilt(compiled: Any) -> int:
    """Bytes of registers that did not fit."""
    if "amdgcn" in compiled.asm:
        return int(re.findall(r"; ScratchSize: (\d+)", compiled.asm["amdgcn"])[0])
    assembler = Path(triton.__file__).parent / "backends/nvidia/bin/ptxas"
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(compiled.asm["ptx"])
        file.flush()
        card = re.findall(r"^\.target (\w+)", compiled.asm["ptx"], re.MULTILINE)[0]
        command = [str(assembler), "-v", f"--gpu-name={card}", file.name, "-o", "/dev/null"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr  # noqa: S603
    return int(re.findall(r"(\d+) bytes spill stores", said)[0])


def call(dtype: torch.dtype, directions: int, *, bare: bool) -> None:
    """Launch all kernels, for sequences that are cut."""
    length, width, groups, states = 8192, 192, 1, 16

    def tokens(*rest: int) -> list[torch.Tensor]:
        return [torch.zeros(1, length, *rest, dtype=dtype) for _ in range(directions)]

    rest = (torch.zeros(directions, width), tokens(width)[0], torch.zeros(directions, width))
    given = ScanArguments(
        *(tokens(width), tokens(width)),
        torch.zeros(directions, width, states),
        *(tokens(groups, states), tokens(groups, states)),
        *((None, None, None) if bare else rest),
        *(True, [1, 4, 1][:directions], [False, True, True][:directions]),
    )
    y, kept = backend.scan(given, True)
    backend.scan(given, False)
    backend.scan_backward(y, given, kept)
    x, weight, bias = tokens(width)[0], torch.zeros(width, 4), torch.zeros(width)
    backend.conv(x, weight, bias, 4, True)
    backend.conv_backward(x, x, weight, bias, 4, True)


def main(name: str) -> None:
    found: dict[str, tuple[str, Any]] = {}
    run = jit.JITFunction.run

    def compile_only(self: Any, *arguments: Any, **named: Any) -> Any:
        compiled = run(self, *arguments, **{**named, "warmup": True})
        found[compiled.hash] = (self.__name__, compiled)
        return compiled

    jit.JITFunction.run = compile_only
    driver.set_active(Absent(TARGETS[name]))
    gpu, channels, backward = torch.device("cuda"), plan.channel_block, plan.backward_block
    plan.channel_block = lambda heads, states, _: channels(heads, states, gpu)
    plan.backward_block = lambda heads, _: backward(heads, gpu)
    plan.processors = lambda _: 132
    call(torch.float32, 1, bare=False)
    call(torch.bfloat16, 3, bare=True)
    for kernel, compiled in found.values():
        sys.stdout.write(f"{kernel} {spilt(compiled)} {compiled.metadata.shared}\n")


if __name__ == "__main__":
    main(sys.argv[1])
