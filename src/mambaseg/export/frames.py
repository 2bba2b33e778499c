"""Overlays as numbered pictures in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from mambaseg.export.composer import FrameComposer
from mambaseg.export.style import OverlayStyle
from mambaseg.files import write_folder_whole, write_whole
from mambaseg.types import MedicalImage, Segmentation
from mambaseg.types.errors import OutputError

__all__ = ["Progress", "export_frames", "export_picture"]

Progress = Callable[[int, int], None]
"""Told, after each frame, how many frames are done and how many there are."""


def export_frames(
    image: MedicalImage,
    segmentation: Segmentation,
    folder: str | os.PathLike[str],
    style: OverlayStyle,
    *,
    frames: range | None = None,
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
    frames : range or None
        Frames of a video or z slices of a volume; None for all.
    progress : callable or None
        Called with (done, total) after each frame; what it raises cancels the
        export and leaves nothing behind.

    Returns
    -------
    list of Path
        overlay_0000.png and so on, numbered by frame.

    Raises
    ------
    UnsupportedImageError
        If image, mask and frames do not fit together.
    OutputError
        If the folder cannot be written, or holds other files than overlays.
    """
    target = Path(folder)
    _check_replaceable(target)
    composer = FrameComposer(image, segmentation, style)
    chosen = composer.select(frames)
    names = [f"overlay_{frame:04d}.png" for frame in chosen]
    with write_folder_whole(target) as temporary:
        for done, (name, picture) in enumerate(
            zip(names, composer.pictures(chosen), strict=True), start=1
        ):
            Image.fromarray(picture).save(temporary / name)
            if progress is not None:
                progress(done, len(chosen))
    return [target / name for name in names]


def export_picture(
    image: MedicalImage,
    segmentation: Segmentation,
    path: str | os.PathLike[str],
    style: OverlayStyle,
    *,
    frame: int = 0,
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

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UnsupportedImageError
        If image and mask do not fit together, or there is no such frame.
    OutputError
        If the file cannot be written.
    """
    target = Path(path)
    picture = FrameComposer(image, segmentation, style).compose(frame)
    with write_whole(target) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    return target


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
