"""The nouns hold together or refuse to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from mambaseg.types import Geometry, LabelClass, LabelSet, MedicalImage, Segmentation
from mambaseg.types.training_data import LabelledClip


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"spacing_mm": (1.0,)}, "2 or 3 values"),
        ({"spacing_mm": (1.0, 0.0)}, "must be positive"),
        ({"spacing_mm": (1.0, float("nan"))}, "must be positive"),
        ({"direction": (1.0, 0.0)}, "direction needs 9 values"),
        ({"frame_times_s": (0.0, 0.1, 0.1)}, "must ascend"),
    ],
)
def test_geometry_refuses(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Geometry(**values)


def test_frame_rate() -> None:
    assert Geometry(frame_times_s=(0.0, 0.04, 0.08, 0.12)).frame_rate == pytest.approx(25)
    assert Geometry(frame_times_s=(0.0,)).frame_rate is None
    assert Geometry().frame_rate is None


@pytest.mark.parametrize(
    ("axes", "shape", "kind", "frames", "spatial"),
    [
        ("CYX", (1, 4, 5), "image", 1, (4, 5)),
        ("CTYX", (1, 3, 4, 5), "video", 3, (4, 5)),
        ("CZYX", (1, 2, 4, 5), "volume", 1, (2, 4, 5)),
        ("CTZYX", (1, 3, 2, 4, 5), "video", 3, (2, 4, 5)),
    ],
)
def test_kinds(
    axes: str, shape: tuple[int, ...], kind: str, frames: int, spatial: tuple[int, ...]
) -> None:
    image = MedicalImage(np.zeros(shape), axes)
    assert (image.kind, image.n_frames, image.spatial_shape) == (kind, frames, spatial)


@pytest.mark.parametrize(
    ("axes", "shape", "values", "message"),
    [
        ("TCYX", (1, 1, 1, 1), {}, "axes must be one of"),
        ("CYX", (1, 1), {}, "do not fit an array"),
        ("CYX", (2, 1, 1), {}, "2 channels need as many names"),
        ("CYX", (1, 4, 5), {"geometry": Geometry((1.0, 1.0, 1.0))}, "spacing"),
        ("CTYX", (1, 3, 4, 5), {"geometry": Geometry(frame_times_s=(0.0, 1.0))}, "2 frame times"),
        ("CYX", (1, 4, 5), {"geometry": Geometry(frame_times_s=(0.0,))}, "frame times"),
    ],
)
def test_images_refuse(
    axes: str, shape: tuple[int, ...], values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        MedicalImage(np.zeros(shape), axes, **values)


def test_frames_are_read_from_a_video_only() -> None:
    clip = MedicalImage(np.arange(24).reshape(1, 6, 2, 2), "CTYX")
    assert clip.frames(2, 4).shape == (1, 2, 2, 2)
    assert clip.frames(2, 4)[0, 0, 0, 0] == 8
    with pytest.raises(ValueError, match="only a video"):
        MedicalImage(np.zeros((1, 2, 2)), "CYX").frames(0, 1)


def test_labels_have_colours_names_and_an_ignore_value() -> None:
    labels = LabelSet.from_names({3: "vessel", 1: "nerve"})
    assert labels.names == {1: "nerve", 3: "vessel"}
    assert labels.ignore == 4
    assert labels.classes[0].rgb == (0xE6, 0x9F, 0x00)
    with pytest.raises(ValueError, match="#RRGGBB"):
        LabelClass(1, "nerve", "red")
    assert labels.classes[0].color != labels.classes[1].color


@pytest.mark.parametrize("values", [[], [0], [2, 1], [1, 1], [255]])
def test_label_values_ascend_from_one(values: list[int]) -> None:
    with pytest.raises(ValueError, match="ascend within 1 to 254"):
        LabelSet(tuple(LabelClass(value, "x", "#000000") for value in values))


def test_segmentations_refuse() -> None:
    labels = LabelSet.from_names({1: "nerve"})
    with pytest.raises(ValueError, match="axes must be"):
        Segmentation(np.zeros((1, 1)), "XY", labels)
    with pytest.raises(ValueError, match="do not fit labels"):
        Segmentation(np.zeros((1, 1)), "TYX", labels)
    with pytest.raises(ValueError, match="spacing"):
        Segmentation(np.zeros((2, 1, 1)), "TYX", labels, Geometry((1.0, 1.0, 1.0)))
    with pytest.raises(ValueError, match="frame times"):
        Segmentation(np.zeros((2, 1, 1)), "TYX", labels, Geometry(frame_times_s=(0.0,)))


@pytest.mark.parametrize(
    ("train", "held_out", "message"),
    [
        ((0, 5), (4, 8), "overlap"),
        ((5, 5), (6, 8), "first frame below"),
        ((0, 5), (2, 4), "overlap"),
    ],
)
def test_held_out_frames_never_train(
    train: tuple[int, int], held_out: tuple[int, int], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        LabelledClip(image="a", labels="b", train_frames=train, held_out_frames=held_out)
