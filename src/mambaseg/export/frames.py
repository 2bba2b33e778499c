"""Overlays as numbered pictures in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mambaseg.export.composer import FrameComposer
from mambaseg.export.style import OverlayStyle
from mambaseg.files import write_folder_whole, write_whole
from mambaseg.types import MedicalImage, Segmentation
from mambaseg.types.errors import OutputError

__all__ = ["Progress", "export_frames", "export_picture", "reported", "write_png"]

Progress = Callable[[int, int], None]
"""Told, after each frame, how many frames are done and how many there are."""


def export_frames(
    image: MedicalImage,
    segmentation: Segmentation,
    folder: str | os.PathLike[str],
    style: OverlayStyle,
    *,
    frames: Sequence[int] | None = None,
    before: Segmentation | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the overlays of an image as PNG files.

    Parameters
    ----------
    image : MedicalImage
        Axes "CYX", "CTYX" or "CZYX"; a lazy array is read frame by frame.
    segmentation : Segmentation
        Labels on the image's grid.
    folder : path-like
        Folder of its own for the pictures: it appears as a whole when all are
        written. Earlier overlays in it are replaced.
    style : OverlayStyle
        How the mask is drawn.
    frames : sequence of int or None
        Frames of a video or z slices of a volume; None for all.
    before : Segmentation or None
        As of `FrameComposer`.
    progress : callable or None
        Called with (done, total) after each frame; what it raises cancels the
        export and leaves nothing behind.

    Returns
    -------
    list of Path
        overlay_0000.png and so on, numbered by frame.

    Raises
    ------
    UnsupportedImageError, InvalidOptionError
        If image, mask, style and frames do not fit together.
    OutputError
        If the folder cannot be written, or holds other files than overlays.
    """
    target = Path(folder)
    _check_replaceable(target)
    composer = FrameComposer(image, segmentation, style, before)
    chosen = composer.select(frames)
    names = [f"overlay_{frame:04d}.png" for frame in chosen]
    with write_folder_whole(target) as temporary:
        pictures = reported(composer.pictures(chosen), len(chosen), progress)
        for name, picture in zip(names, pictures, strict=True):
            Image.fromarray(picture).save(temporary / name)
    return [target / name for name in names]


def export_picture(
    image: MedicalImage,
    segmentation: Segmentation,
    path: str | os.PathLike[str],
    style: OverlayStyle,
    *,
    frame: int = 0,
    before: Segmentation | None = None,
) -> Path:
    """Write the overlay of one frame as a PNG file.

    Parameters
    ----------
    image : MedicalImage
        Axes "CYX", "CTYX" or "CZYX".
    segmentation : Segmentation
        Labels on the image's grid.
    path : path-like
        The ``.png`` file.
    style : OverlayStyle
        How the mask is drawn.
    frame : int
        Frame of a video, z slice of a volume, 0 for a still image.
    before : Segmentation or None
        As of `FrameComposer`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UnsupportedImageError, InvalidOptionError
        If image, mask and style do not fit together, or there is no such frame.
    OutputError
        If the file cannot be written.
    """
    return write_png(Path(path), FrameComposer(image, segmentation, style, before).compose(frame))


def write_png(path: Path, picture: NDArray[np.uint8]) -> Path:
    """Write one picture of shape (Y, X, 3), whole or not at all; raises OutputError."""
    with write_whole(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    return path


def reported(
    pictures: Iterator[NDArray[np.uint8]], total: int, progress: Progress | None
) -> Iterator[NDArray[np.uint8]]:
    """Pass pictures on, and tell `progress` when the next one is asked for."""
    for done, picture in enumerate(pictures, start=1):
        yield picture
        if progress is not None:
            progress(done, total)


def _check_replaceable(folder: Path) -> None:
    """Refuse a folder whose replacement would lose something else than overlays."""
    others = [folder] if folder.is_file() else []
    if folder.is_dir():
        others = [file for file in folder.iterdir() if not file.match("overlay_*.png")]
    if others:
        raise OutputError(
            f"Cannot put overlays in {folder}: {others[0].name} is there, which would be lost. "
            "Choose a new or an empty folder."
        )
