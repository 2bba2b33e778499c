"""Films kept as a folder of numbered images."""

from __future__ import annotations

import re
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mambaseg.data.frame_array import FrameArray
from mambaseg.data.still_images import (
    IMAGE_SUFFIXES,
    PixelForm,
    channel_names,
    pixel_form,
    read_pixels,
)
from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.image import MedicalImage

__all__ = ["FrameFolderArray", "image_files", "read_frame_folder"]


class FrameFolderArray(FrameArray):
    """The images of a folder as the frames of a film, axes "CTYX".

    Parameters
    ----------
    files : list of Path
        The frames in their order.
    form : PixelForm
        What each of them has in common.
    """

    def __init__(self, files: list[Path], form: PixelForm) -> None:
        super().__init__((form.channels, len(files), form.height, form.width), form.dtype)
        self._files = files
        self._form = form

    def _load(self, index: int) -> NDArray[Any]:
        path = self._files[index]
        pixels = read_pixels(path)
        if pixels.shape != (self._form.height, self._form.width, self._form.channels):
            raise UnreadableImageError(
                f"{path} has changed since the folder was opened; it was {self._form}. "
                "Open the folder again."
            )
        return pixels


def _natural(path: Path) -> tuple[list[int | str], str]:
    parts = re.split(r"(\d+)", path.name.lower())
    return [int(part) if part.isdigit() else part for part in parts], path.name


def image_files(folder: Path) -> list[Path]:
    """Image files of a folder in the order of their numbers, frame2 before frame10.

    Hidden files, subfolders and files of other kinds are passed over.
    """
    files = (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    return sorted((p for p in files if p.is_file() and not p.name.startswith(".")), key=_natural)


def read_frame_folder(folder: Path, source: str) -> MedicalImage:
    """Read a folder of numbered images as a film, lazily.

    Parameters
    ----------
    folder : Path
        An existing folder.
    source : str
        Where it came from, as the user wrote it.

    Returns
    -------
    MedicalImage
        Axes "CTYX"; one channel for grey images, three for colour. Spacing and
        frame times are unknown.

    Raises
    ------
    UnreadableImageError
        If the folder holds no images; and on indexing the array, if an image is
        damaged.
    UnsupportedImageError
        If the images differ in size or kind, or two of them have one name.
    """
    files = image_files(folder)
    if not files:
        held = next((path.name for path in sorted(folder.iterdir())), None)
        raise UnreadableImageError(
            f"{folder} {'is empty' if held is None else f'holds no images, but {held}'}; "
            f"numbered images ({', '.join(IMAGE_SUFFIXES)}) were expected."
        )
    stems: dict[str, Path] = {}
    for path in files:
        twin = stems.setdefault(path.stem, path)
        if twin is not path:
            raise UnsupportedImageError(
                f"{folder} holds both {twin.name} and {path.name}, and which is the frame "
                "cannot be told; leave only the frames of one film in the folder."
            )
    form = pixel_form(files[0])
    for path in files[1:]:
        other = pixel_form(path)
        if other != form:
            raise UnsupportedImageError(
                f"{folder} mixes images: {files[0].name} is {form}, but {path.name} is {other}. "
                "All frames of a film must be alike; leave only those of one film in the folder."
            )
    return MedicalImage(
        FrameFolderArray(files, form),
        "CTYX",
        channel_names=channel_names(form.channels),
        source=source,
        notes=_gaps(files),
    )


def _gaps(files: list[Path]) -> tuple[str, ...]:
    """Say which numbers the names of frames pass over, where one number alone tells them apart."""
    names = [re.split(r"(\d+)", path.stem) for path in files]
    columns = [[*column] for column in zip(*names, strict=False)]
    varied = [column for column in columns if len({*column}) > 1]
    alike = len({len(name) for name in names}) == 1
    if not alike or len(varied) != 1 or not all(word.isdigit() for word in varied[0]):
        return ()
    numbers = sorted(map(int, varied[0]))
    step = min(later - sooner for sooner, later in pairwise(numbers))
    between = (range(sooner, later, step or 1)[1:] for sooner, later in pairwise(numbers))
    missing = [*islice(chain.from_iterable(between), 7)]
    if not missing:
        return ()
    listed = ", ".join(map(str, missing[:6])) + (" and more" if len(missing) > 6 else "")
    return (f"The numbers of the files pass over {listed}: frames may be missing there.",)
