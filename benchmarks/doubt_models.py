"""Small networks for benchmarks/doubt.py, trained here on data of which a part is held out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from monai.losses import DiceCELoss
from torch import Tensor

from mambaseg.data import read_image, read_segmentation
from mambaseg.data.fitting import as_clip
from mambaseg.data.preprocessing import network_frames
from mambaseg.data.window import GreyWindow
from mambaseg.inference.network_volume import NetworkVolume
from mambaseg.types.image import MedicalImage
from mambaseg.types.recipe import Recipe
from mambaseg.types.trained_model import ModelCard, TrainedModel
from mambaseg.zoo import build_network, write_model

SEED = 0

POLYPS: dict[str, Any] = {
    "network": "vm_unet_v2",
    "arguments": {"depths": [1, 1, 2, 1], "widths": [16, 32, 64, 128], "decoder_width": 16},
    "channels": ("red", "green", "blue"),
    "intensity": {"rule": "scaled", "mean": (0.5, 0.3, 0.2), "std": (0.3, 0.2, 0.2)},
    "input": {"kind": "image", "size": (128, 128)},
    "labels": {1: "polyp"},
}
HIPPOCAMPUS: dict[str, Any] = {
    "network": "segmamba",
    "arguments": {"depths": [1, 1, 1, 1], "widths": [8, 16, 32, 64], "hidden_width": 32},
    "channels": ("T1",),
    "intensity": {"rule": "z_score", "over": "all"},
    "input": {"kind": "volume", "patch_size": (32, 32, 32)},
    "labels": {1: "anterior", 2: "posterior"},
    "output": {"form": "softmax"},
}


def image_and_mask(folder: Path, stem: str) -> tuple[MedicalImage, np.ndarray]:
    """A picture with its mask (Y, X), or a volume with its (Z, Y, X)."""
    file = next((folder / "images").glob(f"{stem}.*"))
    mask = next(path for part in ("masks", "labels") for path in (folder / part).glob(f"{stem}.*"))
    if file.suffix == ".gz":
        return read_image(file), np.asarray(read_segmentation(mask).labels)
    return read_image(file), (np.asarray(read_image(mask).array)[0] > 127).astype(np.uint8)


def stems(folder: Path) -> list[str]:
    return sorted(path.name.partition(".")[0] for path in (folder / "images").iterdir())


def sample(folder: Path, stem: str, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """What the network takes, (C, ...), and class values of its size."""
    image, mask = image_and_mask(folder, stem)
    wanted = torch.from_numpy(mask.astype(np.float32))[None, None]
    if recipe.input.kind == "volume":
        volume = NetworkVolume.of(image, recipe)
        return volume.window(tuple(slice(0, n) for n in volume.grid.seen_size)), wanted[0]
    size = recipe.input.size
    x = network_frames(as_clip(image).frames(0, 1), GreyWindow.of(image), recipe, size)[0]
    return x, F.interpolate(wanted, size, mode="nearest-exact")[0]


def patch(x: Tensor, y: Tensor, size: Sequence[int], random: np.random.Generator) -> Any:
    """A window of a volume where one is asked for, mirrored left to right by chance."""
    if len(size) == 3:
        short = [max(0, side - length) for side, length in zip(size, x.shape[1:], strict=True)]
        padding = [n for side in reversed(short) for n in (0, side)]
        x, y = F.pad(x, padding), F.pad(y, padding)
        starts = [random.integers(0, n - s + 1) for n, s in zip(x.shape[1:], size, strict=True)]
        place = tuple(slice(a, a + s) for a, s in zip(starts, size, strict=True))
        return x[:, *place], y[:, *place]
    return (x.flip(-1), y.flip(-1)) if random.random() < 0.5 else (x, y)


def train(
    name: str, content: dict[str, Any], folder: Path, cases: Sequence[str], home: Path, steps: int
) -> TrainedModel:
    """Train a network on some cases of a folder."""
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    recipe = Recipe.model_validate(content)
    pairs = [sample(folder, stem, recipe) for stem in cases]
    softmax = recipe.output.form == "softmax"
    loss_of = DiceCELoss(to_onehot_y=softmax, softmax=softmax, sigmoid=not softmax)
    size = recipe.input.patch_size if recipe.input.kind == "volume" else recipe.input.size
    network = build_network(recipe).train()
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps)
    begun = time.monotonic()
    for step in range(steps):
        chosen = [patch(*pairs[i], size, random) for i in random.integers(0, len(pairs), 4)]
        x, y = (torch.stack(tensors) for tensors in zip(*chosen, strict=True))
        output = network(x)
        logits = output[0] if isinstance(output, list | tuple) else output
        loss = loss_of(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"{name}: step {step}, loss {loss:.3f}, {time.monotonic() - begun:.0f} s")
    path = home / f"{name}.safetensors"
    weights = network.eval().state_dict()
    return write_model(path, weights, name=name, recipe=recipe, card=ModelCard())
