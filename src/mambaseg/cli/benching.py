"""One model's speed and memory, in a process of its own whose peak is its own.

`python -m mambaseg.cli.benching FILE DEVICE` prints them as JSON.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mambaseg.types.errors import MambasegError
from mambaseg.zoo import check_trained

if TYPE_CHECKING:
    from mambaseg.types.image import MedicalImage
    from mambaseg.types.recipe import Recipe
    from mambaseg.types.trained_model import TrainedModel

__all__ = ["bench_image", "measured"]

_SECONDS = 8.0
"""What is measured is repeated for this long once it is warm."""
_MOST_SECONDS = 40.0
"""No round begins that would end later than this, by the one before."""
_CLIPS = 2
_TIMEOUT = 600


def measured(model: TrainedModel, device: str) -> dict[str, Any]:
    """Measure a model in a process of its own.

    Returns
    -------
    dict
        "model", "per_second", "unit", "peak_memory_mib" (None where the system does not
        tell), "backend", "precision", "device", "input", "seconds_of_first_round".

    Raises
    ------
    MambasegError
        If the process failed, with what it said.
    """
    check_trained(model)
    command = [sys.executable, "-m", "mambaseg.cli.benching", str(model.path), device]
    try:
        done = subprocess.run(  # noqa: S603 - this program
            command, capture_output=True, text=True, check=False, timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired as error:
        raise MambasegError(
            f"{model.name} did not finish within {_TIMEOUT} s: it is too large for this device."
        ) from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
        raise MambasegError(f"{model.name} could not be measured: {last[0]}")
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def bench_image(recipe: Recipe) -> tuple[MedicalImage, str]:
    """Give what a model is measured on, and its name.

    A film of colours or grey is the sample echocardiogram, two clips of it; all
    else is seeded noise: a clip, or a volume of one window.
    """
    import numpy as np

    from mambaseg.data import read_image, sample_path
    from mambaseg.types.geometry import Geometry
    from mambaseg.types.image import MedicalImage
    from mambaseg.types.network_input import VideoInput, VolumeInput

    wanted, count = recipe.input, len(recipe.channels)
    random = np.random.default_rng(0)
    if isinstance(wanted, VolumeInput):
        noise = random.normal(100, 20, (count, *wanted.patch_size)).astype(np.float32)
        place = Geometry(wanted.spacing_mm)
        text = " x ".join(map(str, noise.shape))
        return MedicalImage(noise, "CZYX", place, recipe.channels), f"noise, {text}"
    frames = _CLIPS * wanted.clip_length if isinstance(wanted, VideoInput) else 10
    if count in (1, 3):
        echo = read_image(sample_path("echo"))
        clip = np.asarray(echo.array[:, : min(frames, echo.n_frames)])
        size = " x ".join(map(str, clip.shape[2:]))
        names = echo.channel_names
        return MedicalImage(clip, "CTYX", channel_names=names), f"echo, {clip.shape[1]} of {size}"
    noise = random.integers(0, 255, (count, frames, *wanted.size)).astype(np.uint8)
    text = " x ".join(map(str, noise.shape))
    return MedicalImage(noise, "CTYX", channel_names=recipe.channels), f"noise, {text}"


def _measure(file: str, device: str) -> dict[str, Any]:
    from mambaseg.inference import Engine, Finished, Progress
    from mambaseg.zoo import load_model

    model = load_model(file)
    image, name = bench_image(model.recipe)
    engine = Engine(device)
    speeds: list[float] = []
    begun = time.perf_counter()
    rounds = [begun]
    while len(speeds) < 2 or rounds[-1] - rounds[1] < _SECONDS:
        for event in engine.stream(image, model):
            if isinstance(event, Progress):
                last = event
            elif isinstance(event, Finished):
                record = event.record
        speeds.append(last.per_second)
        rounds.append(time.perf_counter())
        if 2 * rounds[-1] - rounds[-2] - begun > _MOST_SECONDS:
            break
    warm = speeds[1:] or speeds  # the first round loads and compiles
    return {
        "model": model.name,
        "weights_sha256": model.sha256,
        "per_second": statistics.median(warm),
        "unit": last.unit,
        "peak_memory_mib": _peak_mib(record.device),
        "backend": record.backend,
        "precision": record.precision,
        "device": record.device,
        "input": name,
        "seconds_of_first_round": round(rounds[1] - begun, 2),
    }


def _peak_mib(device: str) -> float | None:
    """Give the peak of the device's memory, or of this process on a CPU; None if unknown."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**20
    if not device.startswith("cpu"):
        return None
    if sys.platform == "linux":
        # Not the resource usage, whose peak is the parent's where that was larger.
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        found = re.search(r"VmHWM:\s*(\d+) kB", status)
        return int(found[1]) / 2**10 if found else None
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes


def _main() -> int:
    try:
        print(json.dumps(_measure(*sys.argv[1:3])))
    except MambasegError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main())
