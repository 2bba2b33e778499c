"""Images that do not fit a model, or do not say whether they do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from models import PICTURES, VOLUMES, model_of, random_clip, random_volume, small_model

from mambaseg.inference import Adapted, Engine, Finished, Options
from mambaseg.types import Geometry
from mambaseg.types.errors import UnsupportedImageError

EXACT = Options(precision="float32")


def test_models_that_would_fit_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, volumes = Engine("cpu"), model_of(tmp_path, "volumes", VOLUMES)
    known = [volumes, model_of(tmp_path, "slices", PICTURES), small_model(tmp_path, "clips")]
    monkeypatch.setattr("mambaseg.inference.alternatives.list_models", lambda: known)
    with pytest.raises(
        UnsupportedImageError, match=r"Models that take this image: slices, clips\."
    ):
        engine.stream(random_clip(3), volumes)
    with pytest.raises(UnsupportedImageError, match=r"Models that take this image: volumes\."):
        engine.stream(random_volume(), known[1])


def test_a_volume_that_does_not_say_how_large_its_voxels_are(tmp_path: Path) -> None:
    engine = Engine("cpu")
    taken = {**VOLUMES["input"], "spacing_mm": (1.0, 1.0, 1.5), "orientation": "SPL"}
    model = model_of(tmp_path, "m", {**VOLUMES, "input": taken})
    volume = random_volume((32, 32, 32))
    bare = replace(volume, geometry=Geometry())
    first, *_, last = engine.stream(bare, model, EXACT)
    assert isinstance(first, Adapted)
    assert "blobs.nii does not say how large its voxels are" in first.text
    assert "learnt from 1 x 1 x 1.5 mm) nor how it lies in the patient" in first.text
    assert isinstance(last, Finished)
    assert last.record.adapted == ("as_stored",)
    assert not any(isinstance(event, Adapted) for event in engine.stream(volume, model, EXACT))
