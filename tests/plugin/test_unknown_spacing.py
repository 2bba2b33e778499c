"""What the Segment panel says of a volume whose voxels may have any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.mark.usefixtures("display")
def test_a_volume_of_unknown_spacing_is_warned_of_before_it_runs(
    desk: Any, model_folder: Path
) -> None:
    from models import VOLUMES, model_of

    taken = {**VOLUMES["input"], "spacing_mm": (1.0, 1.0, 1.0)}
    one = {**VOLUMES, "input": taken, "channels": ["t1"]}
    model_of(model_folder, "spaced", one)
    head = np.random.default_rng(0).normal(100, 20, (32, 32, 32)).astype(np.float32)
    desk.viewer.add_image(head, name="head", axis_labels=("z", "y", "x"))
    panel = desk.segment("spaced")
    assert panel.model.currentText() == "spaced"
    assert "core, edge. head does not say how large its voxels are" in panel.about_model.text()
    placed = {"scale": (2.0, 1.0, 1.0), "units": ("mm",) * 3, "axis_labels": ("z", "y", "x")}
    desk.viewer.add_image(head, name="placed", **placed)
    panel.layer.setCurrentText("placed")
    assert panel.model.currentText() == "spaced"
    assert "does not say" not in panel.about_model.text()
