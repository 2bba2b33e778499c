"""Small models for tests of what happens around a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mambaseg.types import Geometry, MedicalImage
from mambaseg.types.recipe import Recipe
from mambaseg.types.trained_model import ModelCard, TrainedModel
from mambaseg.zoo import build_network, write_model


def small_recipe(**changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "network": "vivim",
        "arguments": {"backbone": "b0", "widths": [8, 16, 40, 64], "decoder_width": 16},
        "channels": ("red", "green", "blue"),
        "mean": (0.5, 0.5, 0.5),
        "std": (0.25, 0.25, 0.25),
        "spatial_size": (32, 40),
        "labels": {1: "nodule"},
        **changes,
    }
    return Recipe(**values)


def small_model(folder: Path, name: str = "small", seed: int = 0, **changes: Any) -> TrainedModel:
    """A network with random weights: it segments nonsense, but always the same."""
    torch.manual_seed(seed)
    recipe = small_recipe(**changes)
    weights = build_network(recipe).state_dict()
    weights["decoder.head.weight"] *= 40  # spread the probabilities around one half
    return write_model(
        folder / f"{name}.safetensors", weights, name=name, recipe=recipe, card=ModelCard()
    )


def random_clip(n_frames: int, size: tuple[int, int] = (48, 60), channels: int = 3) -> MedicalImage:
    """Smooth random blobs that move."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 255, (channels, n_frames, 6, 6)).astype(np.uint8)
    array = coarse.repeat(size[0] // 6, axis=2).repeat(size[1] // 6, axis=3)
    names = ("red", "green", "blue") if channels == 3 else tuple(f"c{i}" for i in range(channels))
    times = Geometry(frame_times_s=tuple(0.04 * i for i in range(n_frames)))
    return MedicalImage(array, "CTYX", times, names, source="blobs")


PICTURES: dict[str, Any] = {
    "network": "vm_unet_v2",
    "arguments": {"depths": [1, 1, 1, 1], "widths": [8, 16, 32, 64], "decoder_width": 8},
    "intensity": {"rule": "min_max", "highest": 255},
    "input": {"kind": "image", "size": (32, 40)},
    "labels": {1: "polyp"},
}
"""A small model for pictures."""

VOLUMES: dict[str, Any] = {
    "network": "segmamba",
    "arguments": {"depths": [1, 1, 1, 1], "widths": [4, 8, 8, 8], "hidden_width": 8},
    "channels": ("t1", "t2"),
    "intensity": {"rule": "z_score", "over": "all"},
    "input": {"kind": "volume", "patch_size": (32, 32, 32)},
    "labels": {1: "core", 2: "edge"},
    "output": {"form": "softmax"},
}
"""A small model for volumes of two channels."""


def model_of(folder: Path, name: str, content: dict[str, Any], seed: int = 0) -> TrainedModel:
    """A model of any kind with random weights."""
    torch.manual_seed(seed)
    recipe = Recipe.model_validate({"channels": ("red", "green", "blue"), **content})
    network = build_network(recipe).eval()
    weights = network.state_dict()
    for key in [key for key in weights if "head" in key and key.endswith("weight")]:
        weights[key] *= 40  # spread the probabilities
    if recipe.kind == "image":  # around one half
        blobs = torch.from_numpy(random_clip(1, (48, 60)).array[:, 0].astype(np.float32))
        with torch.no_grad():
            weights["decoder.head.bias"] -= network(blobs[None]).median()
    return write_model(
        folder / f"{name}.safetensors", weights, name=name, recipe=recipe, card=ModelCard()
    )


def random_volume(size: tuple[int, int, int] = (40, 44, 36), channels: int = 2) -> MedicalImage:
    """Smooth random blobs with a dark border."""
    random = np.random.default_rng(1)
    coarse = torch.from_numpy(random.normal(100, 30, (1, channels, 6, 6, 6)).astype(np.float32))
    array = torch.nn.functional.interpolate(coarse, size, mode="trilinear")[0].numpy()
    array[:, :3] = array[:, :, :5] = array[..., -4:] = 0
    direction = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    place = Geometry((2.0, 1.0, 1.0), (1.0, 2.0, 3.0), direction)
    return MedicalImage(array, "CZYX", place, ("t1", "t2")[:channels], source="blobs.nii")
