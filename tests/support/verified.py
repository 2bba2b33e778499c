"""A clip that a tiny network can learn, and a store with some of its frames verified."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from models import small_recipe

from mambaseg.corrections import Store
from mambaseg.types import Geometry, LabelSet, MedicalImage, Segmentation
from mambaseg.types.trained_model import ModelCard, TrainedModel
from mambaseg.zoo import build_network, write_model

NODULE = LabelSet.from_names({1: "nodule"})


def disc_film(n_frames: int = 30) -> tuple[MedicalImage, Segmentation]:
    """A bright disc that wanders over a dark noisy ground, with its masks."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:48, :60]
    masks = np.zeros((n_frames, 48, 60), np.uint8)
    for t in range(n_frames):
        masks[t] = (y - 24 - 8 * np.sin(t / 5)) ** 2 + (x - 15 - t) ** 2 < 81
    grey = 40 + 150 * masks + random.integers(0, 40, masks.shape)
    film = MedicalImage(
        np.stack([grey] * 3).astype(np.uint8),
        "CTYX",
        Geometry(frame_times_s=tuple(0.04 * t for t in range(n_frames))),
        ("red", "green", "blue"),
        "disc",
    )
    return film, Segmentation(masks, "TYX", NODULE, film.geometry)


def verified_store(folder: Path, frames: Iterable[int], n_frames: int = 30) -> Store:
    store = Store(folder)
    film, masks = disc_film(n_frames)
    store.verify(film, masks, frames)
    return store


def nodule_model(
    folder: Path,
    *,
    scores: dict[str, float] | None = None,
    parent_scores: dict[str, float] | None = None,
    trained_frames: dict[str, tuple[int, ...]] | None = None,
    **changes: Any,
) -> TrainedModel:
    """An untrained network that is quick to train."""
    values = {"spatial_size": (32, 40), "clip_length": 3, "clip_overlap": 1, **changes}
    torch.manual_seed(0)
    recipe = small_recipe(**values)
    return write_model(
        folder / "parent.safetensors",
        build_network(recipe).state_dict(),
        name="parent",
        recipe=recipe,
        card=ModelCard(
            scores=scores or {},
            parent_scores=parent_scores or {},
            trained_frames=trained_frames or {},
        ),
    )
