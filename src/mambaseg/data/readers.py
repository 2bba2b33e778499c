"""One door for every kind of image."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from mambaseg.data.deferred import DeferredArray
from mambaseg.data.file_kinds import UNDERSTOOD, file_kind, known_suffixes
from mambaseg.data.memory import enough_memory
from mambaseg.data.parts import choose_part
from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.image import MedicalImage

__all__ = ["base_name", "in_memory", "open_file", "open_image", "read_image", "split_part"]


def read_image(
    path: str | os.PathLike[str], part: str | None = None, *, resample: bool = False
) -> MedicalImage:
    """Read an image, film or volume; films are read lazily, frame by frame.

    What a file is, its content says; its suffix is asked only where the content
    is not clear.

    Parameters
    ----------
    path : path-like
        A film, a folder of numbered images or of DICOM slices, a DICOM file, a
        still image, a volume as NIfTI, NRRD, MHA or TIFF, or an HDF5 file.
    part : str or None
        Which of several images the path holds: a series' description or UID, a
        file's name, a data set's name. It may also follow the path after "::".
    resample : bool
        Take DICOM slices that lie unevenly or of which some are missing, and
        channels on different grids, and resample them.

    Returns
    -------
    MedicalImage
        A film: "CTYX"; a still image: "CYX"; a volume: "CZYX"; volumes at
        several times: "CTZYX". What its file does not say (spacing, frame
        times) is None, and `notes` says what could not be trusted. `source` is
        the path as given.

    Raises
    ------
    UnreadableImageError
        If the path is missing, empty, cut short, damaged or not what it seems.
    UnsupportedImageError
        If it is of a kind that is not understood, or holds several images and
        none was chosen.
    UnknownNameError
        If it holds no such part.
    OutOfMemoryError
        If it does not fit in memory.
    """
    return in_memory(open_image(path, part, resample=resample))


def in_memory(image: MedicalImage) -> MedicalImage:
    """Read the array of an opened image; that of a film stays lazy. Raises as `read_image`."""
    lazy_film = image.kind == "video" and not isinstance(image.array, DeferredArray)
    if isinstance(image.array, np.ndarray) or lazy_film:
        return image
    with enough_memory(image.source, image.array):
        array = np.asarray(image.array)
    return replace(image, array=array, notes=(*image.notes, *_odd_values(array)))


def open_image(
    path: str | os.PathLike[str], part: str | None = None, *, resample: bool = False
) -> MedicalImage:
    """Read no more than headers, for tables and previews; otherwise as `read_image`.

    The array knows its shape and type, and reads its file when it is indexed;
    what is wrong with the elements shows only then.
    """
    source = str(path)
    if part is None:
        path, part = split_part(path)
    path = Path(path)
    if path.is_dir():
        return replace(choose_part(path, part).open(resample=resample), source=source)
    return open_file(path, source, part, resample=resample)


def open_file(
    path: Path, source: str, part: str | None = None, *, resample: bool = False
) -> MedicalImage:
    """Open one file; otherwise as `open_image`."""
    kind = file_kind(path)
    # Each kind's library is loaded only when a file needs it: together they take a second.
    if kind == "DICOM":
        from mambaseg.data.dicom import open_dicom

        return open_dicom(path, source, resample=resample)
    if kind == "TIFF":
        from mambaseg.data.tiff import open_tiff

        image = open_tiff(path, source)
        if image is not None:
            return image
    if kind in ("still", "TIFF"):
        from mambaseg.data.still_images import read_still

        return read_still(path, source)
    if kind == "film":
        from mambaseg.data.films import read_film

        return read_film(path, source)
    if kind == "volume":
        from mambaseg.data.volumes import open_volume

        return open_volume(path, source)
    if kind == "HDF5":
        from mambaseg.data.hdf5 import open_data_set

        return open_data_set(path, source, part)
    raise UnsupportedImageError(f"{path} is of no kind that is understood: {UNDERSTOOD}.")


def split_part(path: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """Give a path and the part that it names after "::", if anything does."""
    text = str(path)
    head, mark, part = text.rpartition("::")
    if mark and not Path(text).exists() and Path(head).exists():
        return Path(head), part
    return Path(path), None


def base_name(path: str | os.PathLike[str]) -> str:
    """Name of an image without a suffix that is understood, and with the part that it names.

    Other dots are kept: the name of a DICOM file is often a UID without suffix.
    """
    path, part = split_part(path)
    name = path.resolve().name
    suffixes = [suffix for suffix in known_suffixes() if name.lower().endswith(suffix)]
    name = name[: -len(max(suffixes, key=len))] if suffixes else name
    return name if part is None else f"{name}_{''.join(c if c.isalnum() else '_' for c in part)}"


def _odd_values(array: np.ndarray) -> tuple[str, ...]:
    """Say how many elements are no numbers."""
    if array.dtype.kind != "f":
        return ()
    odd = array.size - int(np.isfinite(array).sum())
    if not odd:
        return ()
    return (
        f"{odd} of {array.size} elements are infinite or no numbers (NaN); they are shown and "
        "segmented as the darkest.",
    )
