from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mambaseg.export import OverlayStyle, export_frames, overlay
from mambaseg.types import MedicalImage, Segmentation
from mambaseg.types.errors import Cancelled, OutputError, UnsupportedImageError

STYLE = OverlayStyle(scale=2)

Clip = Callable[..., tuple[MedicalImage, Segmentation]]


def test_every_frame_is_written_exactly_as_composed(make_clip: Clip, tmp_path: Path) -> None:
    image, segmentation = make_clip()
    told: list[tuple[int, int]] = []
    paths = export_frames(
        image, segmentation, tmp_path / "out", STYLE, progress=lambda *count: told.append(count)
    )
    assert [path.name for path in paths] == [f"overlay_{t:04d}.png" for t in range(4)]
    assert sorted((tmp_path / "out").iterdir()) == paths
    for t, path in enumerate(paths):
        np.testing.assert_array_equal(
            np.asarray(Image.open(path)), overlay(image, segmentation, STYLE, frame=t)
        )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_chosen_frames_keep_their_numbers_and_their_bytes(make_clip: Clip, tmp_path: Path) -> None:
    clip = make_clip(frames=9)
    everything = export_frames(*clip, tmp_path / "all", STYLE)
    chosen = export_frames(*clip, tmp_path / "some", STYLE, frames=range(3, 9, 2))
    assert [path.name for path in chosen] == [f"overlay_{t:04d}.png" for t in (3, 5, 7)]
    for path in chosen:
        assert path.read_bytes() == everything[int(path.stem[-4:])].read_bytes()


def test_earlier_overlays_are_replaced_as_a_whole(make_clip: Clip, tmp_path: Path) -> None:
    export_frames(*make_clip(frames=4), tmp_path / "out", STYLE)
    export_frames(*make_clip(frames=2), tmp_path / "out", STYLE)
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_folder_with_other_files_is_not_replaced(make_clip: Clip, tmp_path: Path) -> None:
    (tmp_path / "masks.nrrd").write_text("precious")
    with pytest.raises(OutputError, match=r"masks\.nrrd is there, which would be lost"):
        export_frames(*make_clip(), tmp_path, STYLE)
    with pytest.raises(OutputError, match=r"masks\.nrrd is there"):
        export_frames(*make_clip(), tmp_path / "masks.nrrd", STYLE)
    assert (tmp_path / "masks.nrrd").read_text() == "precious"


def test_cancelling_leaves_what_was_there(make_clip: Clip, tmp_path: Path) -> None:
    before = export_frames(*make_clip(frames=2), tmp_path / "out", STYLE)
    written = {path: path.read_bytes() for path in before}

    def cancel(done: int, total: int) -> None:
        if done == 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        export_frames(*make_clip(frames=5), tmp_path / "out", OverlayStyle(), progress=cancel)
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == written
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


@pytest.mark.parametrize(
    ("frames", "message"),
    [(range(2, 9), "2 to 8 were"), (range(-1, 2), "-1 to"), (range(0), "none")],
)
def test_frames_that_do_not_exist_write_nothing(
    make_clip: Clip, tmp_path: Path, frames: range, message: str
) -> None:
    with pytest.raises(UnsupportedImageError, match=message):
        export_frames(*make_clip(), tmp_path / "out", STYLE, frames=frames)
    assert not list(tmp_path.iterdir())


def test_memory_does_not_grow_with_the_film(lazy_clip: Clip, tmp_path: Path) -> None:
    peaks = []
    for frames in (40, 400):
        clip = lazy_clip(frames)
        tracemalloc.start()
        export_frames(*clip, tmp_path / str(frames), OverlayStyle())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000, "less than a tenth of the film's frames"
