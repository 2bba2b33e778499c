"""A clip with masks."""

from __future__ import annotations

import numpy as np
import pytest
from models import random_clip

from mambaseg.types import LabelSet, MedicalImage, Segmentation

LABELS = LabelSet.from_names({1: "nerve", 4: "vessel"})


@pytest.fixture
def clip() -> MedicalImage:
    return random_clip(12)


@pytest.fixture
def masks(clip: MedicalImage) -> Segmentation:
    values = np.random.default_rng(1).choice([0, 1, 4], (12, 48, 60)).astype(np.uint8)
    return Segmentation(values, "TYX", LABELS, clip.geometry)
