"""Files of masks, paired and read; and where masks differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mambaseg.data import write_segmentation
from mambaseg.metrics import MeasureOptions
from mambaseg.session.comparing import FileComparison, compare_files
from mambaseg.session.differing import DifferenceArray
from mambaseg.session.mask_files import pair_files, read_mask, read_pair
from mambaseg.types import Geometry, LabelSet, Segmentation
from mambaseg.types.errors import Cancelled, UnsupportedImageError

TWO = LabelSet.from_names({1: "nerve", 2: "vessel"})


def still(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_names_are_paired_without_endings(tmp_path: Path) -> None:
    for name in ("found/a.b_mask.png", "found/7.png", "true/a.b.png", "true/7_seg.png"):
        still(tmp_path / name, np.ones((3, 4), np.uint8))
    still(tmp_path / "images" / "a.b.jpg", np.ones((3, 4), np.uint8))
    (tmp_path / "true" / ".hidden.png").touch()
    (tmp_path / "true" / "notes.txt").touch()
    pairs = pair_files(*(tmp_path / name for name in ("found", "true", "images")))
    assert [pair.name for pair in pairs] == ["7", "a.b"]
    assert [pair.image and pair.image.name for pair in pairs] == [None, "a.b.jpg"]
    assert pairs[1].reference.name == "a.b.png"


def test_a_clip_saved_as_a_volume_is_a_clip(tmp_path: Path) -> None:
    labels = np.ones((3, 4, 5), np.uint8)
    write_segmentation(Segmentation(labels, "TYX", TWO), tmp_path / "clip.nrrd")
    write_segmentation(
        Segmentation(labels, "ZYX", TWO, Geometry((1.0, 1.0, 1.0))), tmp_path / "volume.nrrd"
    )
    for names in (("clip", "volume"), ("volume", "clip")):
        (pair,) = pair_files(*(tmp_path / f"{name}.nrrd" for name in names))
        assert [mask.axes for mask in read_pair(pair)] == ["TYX", "TYX"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0, 255], [0, 1]), ([255, 255], [1, 1]), ([0, 7], [0, 7]), ([0, 0], [0, 0])],
)
def test_values_of_still_masks(tmp_path: Path, values: list[int], expected: list[int]) -> None:
    still(tmp_path / "m.png", np.array([values], np.uint8))
    assert read_mask(tmp_path / "m.png").labels.tolist() == [expected]
    still(tmp_path / "w.tif", np.array([[0, 300]], np.uint16))
    with pytest.raises(UnsupportedImageError, match="these go from 0 to 300"):
        read_mask(tmp_path / "w.tif")


def test_progress_is_told_and_work_can_end(tmp_path: Path) -> None:
    for name in ("found", "true"):
        for i in range(3):
            still(tmp_path / name / f"{i}.png", np.ones((5, 6), np.uint8))
    request = FileComparison({"m": tmp_path / "found"}, tmp_path / "true", MeasureOptions())
    told: list[tuple[int, int, str]] = []
    compared = compare_files(request, lambda *news: told.append(news))
    assert told == [(0, 3, "0"), (1, 3, "1"), (2, 3, "2"), (3, 3, "")]
    assert {row.value for row in compared.rows["m"] if row.measure == "Dice"} == {1.0}

    def end() -> None:
        raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        compare_files(request, check=end)


def test_differences_are_computed_where_they_are_read() -> None:
    class Once:
        """An array that tells which frames are read."""

        def __init__(self, array: np.ndarray) -> None:
            self.array, self.read = array, []
            self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

        def __getitem__(self, key: object) -> np.ndarray:
            self.read.append(key)
            return self.array[key]

    true = np.array([[[0, 1, 2, 3, 1]], [[0, 1, 0, 0, 0]]])
    found = Once(np.array([[[1, 1, 1, 1, 0]], [[2, 2, 0, 0, 0]]]))
    kinds = DifferenceArray(found, true, TWO, (1, 2))
    assert kinds[0].tolist() == [[1, 0, 3, 0, 2]]  # what is not annotated is no difference
    assert found.read == [0]
    assert DifferenceArray(found, true, TWO, (2,))[1].tolist() == [[1, 1, 0, 0, 0]]
    assert np.asarray(kinds).shape == (2, 1, 5)
