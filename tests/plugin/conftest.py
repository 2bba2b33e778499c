"""The plugin's tests need napari, and most of them a display."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from mambaseg.types import Geometry, LabelSet, MedicalImage, Segmentation

NO_DISPLAY = sys.platform == "linux" and not (
    os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
)


@pytest.fixture(scope="session")
def display() -> None:
    """Skip without a display, where Qt would end the whole test run; in CI there must be one.

    Of the widest scope, so that it comes before the fixture that starts Qt.
    """
    if NO_DISPLAY:
        if os.environ.get("CI"):
            pytest.fail("no display, though the tests run in CI", pytrace=False)
        pytest.skip("no display: run the tests with make test, or under xvfb-run -a")


@pytest.fixture
def red_film() -> MedicalImage:
    """A film that is pure red, 4 frames of 16 x 24 at 25 per second: swapped axes cannot hide."""
    array = np.zeros((3, 4, 16, 24), np.uint8)
    array[0] = 200
    times = tuple(0.5 + i / 25 for i in range(4))
    geometry = Geometry(spacing_mm=(0.4, 0.3), frame_times_s=times)
    return MedicalImage(array, "CTYX", geometry, ("red", "green", "blue"), "clips/red.mp4")


@pytest.fixture
def block(red_film: MedicalImage) -> Segmentation:
    """A mask on the red film: one class in the upper half of every frame."""
    labels = np.zeros((4, 16, 24), np.uint8)
    labels[:, :8] = 1
    label_set = LabelSet.from_names({1: "left ventricle", 3: "wall"})
    return Segmentation(labels, "TYX", label_set, red_film.geometry)
