"""TIFF and DICOM files of many pictures do not hold them all in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
import tifffile

from mambaseg.export import FrameComposer, OverlayStyle
from mambaseg.export.capture import CaptureAbout, write_capture
from mambaseg.export.pages import write_pages
from mambaseg.types import MedicalImage, Segmentation

Clip = Callable[..., tuple[MedicalImage, Segmentation]]
COUNT = 600


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".tif", ".dcm"])
def test_memory_does_not_grow_with_the_number_of_pictures(
    lazy_clip: Clip, tmp_path: Path, suffix: str
) -> None:
    composer = FrameComposer(*lazy_clip(COUNT), OverlayStyle(legend=False, scale=2))
    composer.compose(0)
    pictures, path = composer.pictures(range(COUNT)), tmp_path / f"a{suffix}"
    tracemalloc.start()
    if suffix == ".tif":
        write_pages(path, pictures, COUNT, composer.size)
    else:
        about = CaptureAbout(None, False, range(COUNT), 40.0, None, burned_in=True)
        write_capture(path, pictures, COUNT, composer.size, about)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000, "the pictures take 44 MB"
    if suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            assert len(file.pages) == COUNT
    else:
        assert pydicom.dcmread(path, stop_before_pixels=True).NumberOfFrames == COUNT
