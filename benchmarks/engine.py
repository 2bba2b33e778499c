"""The engine's cost beside a bare network and beside MONAI's sliding window.

    python benchmarks/engine.py [SHARED] [bare] [volume] [film] [first] [precision]

All parts without an argument. Each measurement runs in a process of its own, on one thread, whose
peak resident memory the operating system reports; what is compared runs in turns. SHARED is the
folder with BraTS2021_00006; without it the volume is random. Ends with 1 if a limit is passed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from record import record, table

from mambaseg.data import read_image, sample_path
from mambaseg.types import MedicalImage
from mambaseg.types.recipe import Recipe
from mambaseg.types.trained_model import ModelCard, TrainedModel
from mambaseg.zoo import build_network, load_model, load_network, read_model, write_model

CHANNELS = ("flair", "t1", "t1ce", "t2")
WINDOW = (96, 96, 96)
VOLUME: dict[str, Any] = {
    "network": "segmamba",
    "arguments": {"widths": [12, 24, 48, 96], "hidden_width": 96},
    "channels": CHANNELS,
    "intensity": {"rule": "z_score", "over": "nonzero"},
    "input": {"kind": "volume", "patch_size": WINDOW},
    "labels": {1: "core", 2: "oedema", 3: "enhancing"},
    "output": {"form": "softmax"},
}
FILM_MODEL = "vivim-echo-demo"
SMALL_FILM: dict[str, Any] = {
    "network": "vivim",
    "arguments": {"backbone": "b0", "widths": [8, 16, 40, 64], "decoder_width": 16},
    "channels": ("intensity",),
    "intensity": {"rule": "scaled", "mean": (0.5,), "std": (0.25,)},
    "input": {"kind": "video", "size": (32, 32)},
    "labels": {1: "a"},
}

NETWORKS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("vivim", (5, 3, 256, 256), {}),
    ("vm_unet_v2", (3, 256, 256), {}),
    ("segmamba", (4, 64, 64, 64), {}),
    ("log_vmamba_2d", (3, 256, 256), {"image_size": (256, 256)}),
    ("log_vmamba_3d", (4, 64, 64, 64), {"image_size": (64, 64, 64)}),
]


def model_of(folder: Path, content: dict[str, Any]) -> TrainedModel:
    """A model with random weights."""
    import torch

    torch.manual_seed(0)
    recipe = Recipe.model_validate(content)
    weights = build_network(recipe).state_dict()
    path = folder / f"{recipe.network}.safetensors"
    return write_model(path, weights, name=recipe.network, recipe=recipe, card=ModelCard())


# What runs in a process of its own; each prints its figures as JSON.


def head(shared: str) -> MedicalImage:
    """Four channels of 155 x 240 x 240."""
    if shared == "-":
        random = np.random.default_rng(0)
        array = random.integers(0, 1000, (4, 155, 240, 240)).astype(np.int16)
        array[:, :, :40] = 0
        return MedicalImage(array, "CZYX", channel_names=CHANNELS)
    folder = Path(shared) / "data" / "brats2021_00006"
    images = [read_image(folder / f"BraTS2021_00006_{name}.nii.gz") for name in CHANNELS]
    array = np.concatenate([np.asarray(image.array[:], np.int16) for image in images])
    return MedicalImage(array, "CZYX", images[0].geometry, CHANNELS)


def resident_mib() -> float:
    import psutil

    return psutil.Process().memory_info().rss / 2**20


def measure_ours(model: str, shared: str) -> dict[str, Any]:
    from mambaseg.inference import Engine, Options

    image, engine = head(shared), Engine("cpu")
    trained = read_model(model)
    engine._hosting.network(trained)
    before = resident_mib()
    start = time.perf_counter()
    labels = engine.segment(image, trained, Options(precision="float32")).labels
    seconds = time.perf_counter() - start
    counts = np.bincount(np.asarray(labels[:]).ravel()).tolist()
    return {"seconds": seconds, "counts": counts, "before": before}


def measure_monai(model: str, shared: str) -> dict[str, Any]:
    import torch
    from monai.inferers.inferer import SlidingWindowInferer
    from monai.transforms.intensity.array import NormalizeIntensity

    image = head(shared)
    network = load_network(read_model(model))
    inferer = SlidingWindowInferer(WINDOW, sw_batch_size=1, overlap=0.5, mode="gaussian")
    before = resident_mib()
    start = time.perf_counter()
    with torch.inference_mode():
        x = torch.from_numpy(np.asarray(image.array, np.float32))
        x = torch.as_tensor(NormalizeIntensity(nonzero=True, channel_wise=True)(x))
        labels = inferer(x[None], network)[0].argmax(0).to(torch.uint8).numpy()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "counts": np.bincount(labels.ravel()).tolist(), "before": before}


class Film:
    """A film without end that is made when it is read."""

    def __init__(self, frames: int, size: tuple[int, int]) -> None:
        self.shape, self.dtype, self.ndim = (1, frames, *size), np.dtype(np.uint8), 4

    def __getitem__(self, key: Any) -> np.ndarray:
        _, times = key
        y, x = np.ogrid[: self.shape[2], : self.shape[3]]
        frames = [(y + t) * (x + 2 * t) % 251 for t in range(*times.indices(self.shape[1]))]
        return np.stack(frames)[None].astype(np.uint8)


def measure_film(model: str, frames: str) -> dict[str, Any]:
    """Resident memory in MiB after 500 frames and at the end."""
    from mambaseg.inference import Chunk, Engine

    image = MedicalImage(Film(int(frames), (96, 96)), "CTYX")
    held: dict[int, float] = {}
    start = time.perf_counter()
    for event in Engine("cpu").stream(image, read_model(model)):
        if isinstance(event, Chunk) and event.stop // 500 > event.start // 500:
            held[event.stop // 500 * 500] = resident_mib()
    held[int(frames)] = resident_mib()
    return {"seconds": time.perf_counter() - start, "held": list(held.items())}


# The parts.


def measured(kind: str, *arguments: str) -> tuple[dict[str, Any], float]:
    """Figures of a process of its own, and its peak memory in MiB."""
    command = [sys.executable, __file__, "--measure", kind, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"measuring {kind} failed")
    return json.loads(output.splitlines()[-1]), usage.ru_maxrss / 1024


def volume(shared: str) -> bool:
    """The volume predictor beside MONAI's, with the same network and settings, in float32."""
    with tempfile.TemporaryDirectory() as folder:
        model = str(model_of(Path(folder), VOLUME).path)
        ours, our_peak = measured("ours", model, shared)
        theirs, their_peak = measured("monai", model, shared)
    same = 1 - np.abs(np.subtract(ours["counts"], theirs["counts"])).sum() / sum(ours["counts"])
    time_ratio, whole = ours["seconds"] / theirs["seconds"], our_peak / their_peak
    our_own, their_own = our_peak - ours["before"], their_peak - theirs["before"]
    record(
        "A volume, beside MONAI's sliding window",
        f"python benchmarks/engine.py {'SHARED ' if shared != '-' else ''}volume",
        "240 x 240 x 155 voxels, 4 channels, windows of 96^3 that overlap by half, Gaussian "
        "weights, a small SegMamba in float32, one thread, from the image's integers to labels. "
        f"Both give each class to the same number of voxels but for {1 - same:.1e} of them. "
        "Peak memory is the process's, and of that what came after interpreter, torch, image and "
        "network were there: most of that a pass of the network holds, the same in both.\n\n"
        + table(
            ["", "s", "peak (MiB)", "of that the segmentation (MiB)"],
            [
                ["mambaseg", f"{ours['seconds']:.1f}", f"{our_peak:.0f}", f"{our_own:.0f}"],
                ["MONAI", f"{theirs['seconds']:.1f}", f"{their_peak:.0f}", f"{their_own:.0f}"],
                [
                    "ratio (limits 1.0 and 0.7)",
                    f"{time_ratio:.2f}",
                    f"{whole:.2f}",
                    f"{our_own / their_own:.2f}",
                ],
            ],
        ),
    )
    return time_ratio <= 1.0 and whole <= 0.7


def in_turn(functions: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Medians of seconds; the first round warms up."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds + 1):
        for name, function in functions.items():
            seconds = function()
            if number:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def bare(shared: str) -> bool:
    """The engine on a film beside its network on the same clips, made ready in advance."""
    import torch

    from mambaseg.data.preprocessing import network_frames
    from mambaseg.data.window import GreyWindow
    from mambaseg.inference import Engine, Options
    from mambaseg.inference.video import clip_windows

    torch.set_num_threads(1)
    model, image, engine = load_model(FILM_MODEL), read_image(sample_path("echo")), Engine("cpu")
    image = MedicalImage(np.asarray(image.array[:, :23]), "CTYX", channel_names=image.channel_names)
    video, network = model.recipe.video, load_network(model)
    clips = clip_windows(range(23), video.clip_length, video.clip_overlap)
    frames = network_frames(np.asarray(image.array), GreyWindow.of(image), model.recipe, video.size)
    windows = [frames[clip.start : clip.stop][None] for clip in clips]

    def alone() -> float:
        start = time.perf_counter()
        with torch.inference_mode():
            for window in windows:
                network(window)
        return time.perf_counter() - start

    def whole() -> float:
        start = time.perf_counter()
        engine.segment(image, model, Options(precision="float32"))
        return time.perf_counter() - start

    times = in_turn({"engine": whole, "network": alone}, rounds=5)
    ratio = times["engine"] / times["network"]
    record(
        "The engine beside its network alone",
        "python benchmarks/engine.py bare",
        f"{FILM_MODEL} on {len(clips)} clips of {video.clip_length} frames, float32, one thread, "
        "medians of 5, in turns. The network is given clips that are ready; the engine reads, "
        "scales, blends and labels them.\n\n"
        + table(
            ["", "s"],
            [[name, f"{seconds:.2f}"] for name, seconds in times.items()]
            + [["ratio (limit 1.05)", f"{ratio:.3f}"]],
        ),
    )
    return ratio <= 1.05


def film(shared: str) -> bool:
    """Memory over a film of 10,000 frames."""
    with tempfile.TemporaryDirectory() as folder:
        model = str(model_of(Path(folder), SMALL_FILM).path)
        found, peak = measured("film", model, "10000")
    held = {int(frames): size for frames, size in found["held"]}
    growth = held[10000] / held[500] - 1
    record(
        "A film of 10,000 frames",
        "python benchmarks/engine.py film",
        f"A small Vivim, frames of 96 x 96, {10000 / found['seconds']:.0f} frames per second. "
        f"Resident memory grew by {100 * growth:.1f} % from frame 500 to the end (limit 5 %); "
        f"its peak was {peak:.0f} MiB.\n\n"
        + table(
            ["frames", "MiB"],
            [
                [str(frames), f"{size:.0f}"]
                for frames, size in held.items()
                if frames % 2500 == 0 or frames == 500
            ],
        ),
    )
    return growth <= 0.05


def first(shared: str) -> bool:
    """Time from the call to the first chunk, of a model that is warm."""
    import torch

    from mambaseg.inference import Chunk, Engine, Options
    from mambaseg.inference.forward import Forward

    torch.set_num_threads(1)
    model, image, engine = load_model(FILM_MODEL), read_image(sample_path("echo")), Engine("cpu")
    options, size = Options(precision="float32"), model.recipe.video.size
    forward = Forward(engine._hosting.network(model), engine.device, "video")
    x = torch.randn(1, model.recipe.video.clip_length, len(model.recipe.channels), *size)

    def window() -> float:
        start = time.perf_counter()
        forward(x)
        return time.perf_counter() - start

    def chunk() -> float:
        start = time.perf_counter()
        events: Iterator[Any] = engine.stream(image, model, options)
        next(event for event in events if isinstance(event, Chunk))
        seconds = time.perf_counter() - start
        events.close()  # type: ignore[attr-defined]
        return seconds

    times = in_turn({"first chunk": chunk, "one clip in the network": window}, rounds=9)
    ratio = times["first chunk"] / times["one clip in the network"]
    record(
        "Time to the first chunk",
        "python benchmarks/engine.py first",
        f"{FILM_MODEL}, warm, a film from a file, float32, one thread, medians of 9, in turns.\n\n"
        + table(
            ["", "s"],
            [[name, f"{seconds:.3f}"] for name, seconds in times.items()]
            + [["ratio (limit 1.5)", f"{ratio:.2f}"]],
        ),
    )
    return ratio <= 1.5


def precision(shared: str) -> bool:
    """Whether bf16, the engine's default where the device computes it, pays for each network."""
    import torch

    from mambaseg.inference.forward import Forward
    from mambaseg.inference.precision import computes_bfloat16
    from mambaseg.networks import create_network

    torch.set_num_threads(1)
    cpu, rows, good = torch.device("cpu"), [], True
    if not computes_bfloat16(cpu):
        raise SystemExit("this CPU has neither AMX nor AVX512-BF16: the engine uses float32 here")
    for name, shape, arguments in NETWORKS:
        network = create_network(name, **arguments).eval()
        x = torch.randn(1, *shape)

        def timed(low: bool, network: Any = network, x: Any = x, name: str = name) -> float:
            kind = {"vivim": "video", "segmamba": "volume", "log_vmamba_3d": "volume"}
            run = Forward(network, cpu, kind.get(name, "image"), "bfloat16" if low else "float32")
            start = time.perf_counter()
            run(x)
            return time.perf_counter() - start

        times = in_turn({"f": lambda: timed(False), "b": lambda: timed(True)}, rounds=3)
        ratio = times["b"] / times["f"]
        good &= ratio < 1
        size = " x ".join(map(str, shape))
        rows.append([f"{name}, {size}", *(f"{times[key]:.2f}" for key in "fb"), f"{ratio:.2f}"])
    record(
        "bf16 beside float32",
        "python benchmarks/engine.py precision",
        "One pass of each network as published, one thread, medians of 3, in turns.\n\n"
        + table(["network and input", "float32 (s)", "bf16 (s)", "bf16 / float32"], rows),
    )
    return good


PARTS = {"bare": bare, "volume": volume, "film": film, "first": first, "precision": precision}
MEASURES = {"ours": measure_ours, "monai": measure_monai, "film": measure_film}


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--measure"]:
        print(json.dumps(MEASURES[arguments[1]](*arguments[2:])))
        return 0
    shared = next((argument for argument in arguments if Path(argument).is_dir()), "-")
    chosen = [name for name in PARTS if name in arguments] or list(PARTS)
    good = [PARTS[name](shared) for name in chosen]
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
