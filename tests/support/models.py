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
