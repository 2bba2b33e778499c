"""One door for every kind of image."""

from __future__ import annotations

import os
from pathlib import Path

from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.image import MedicalImage

__all__ = ["IMAGE_FILE_SUFFIXES", "base_name", "read_image"]

_STILL_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\x00", b"MM\x00*")
_FILM_MAGIC = (b"GIF8", b"\x1a\x45\xdf\xa3", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")
_FILM_SUFFIXES = (".mp4", ".m4v", ".avi", ".mpeg", ".mpg", ".mov", ".mkv", ".webm", ".gif")
_STILL_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
_DICOM_SUFFIXES = (".dcm", ".dicom")
IMAGE_FILE_SUFFIXES = (*_FILM_SUFFIXES, *_VOLUME_SUFFIXES, *_DICOM_SUFFIXES)
"""Suffixes of files that hold a whole film, volume or DICOM image."""
_UNDERSTOOD = (
    "films (mp4, avi, mpeg, mov, mkv, gif), folders of numbered images, DICOM, "
    "still images (png, jpg, bmp, tif) and volumes (nii, nii.gz, nrrd, mha, mhd)"
)


def read_image(path: str | os.PathLike[str]) -> MedicalImage:
    """Read an image, film or volume; films are read lazily, frame by frame.

    What a file is, its content says; its suffix is asked only where the content
    is not clear.

    Parameters
    ----------
    path : path-like
        A film, a folder of numbered images, a DICOM file, a still image, or a
        volume as NIfTI, NRRD or MHA.

    Returns
    -------
    MedicalImage
        A film: "CTYX"; a still image: "CYX"; a volume: "CZYX". What its file
        does not say (spacing, frame times) is None, and `notes` says what
        could not be trusted. `source` is the path as given.

    Raises
    ------
    UnreadableImageError
        If the path is missing, empty, cut short, damaged or not what it seems.
    UnsupportedImageError
        If it is of a kind that is not understood.
    """
    source, path = str(path), Path(path)
    kind = _kind(path)
    # Each kind's library is loaded only when a file needs it: together they take a second.
    if kind == "folder":
        from mambaseg.data.frame_folders import read_frame_folder

        return read_frame_folder(path, source)
    if kind == "DICOM":
        from mambaseg.data.dicom import read_dicom

        return read_dicom(path, source)
    if kind == "still":
        from mambaseg.data.still_images import read_still

        return read_still(path, source)
    if kind == "film":
        from mambaseg.data.films import read_film

        return read_film(path, source)
    if kind == "volume":
        from mambaseg.data.volumes import read_volume

        return read_volume(path, source)
    raise UnsupportedImageError(f"{path} is of no kind that is understood: {_UNDERSTOOD}.")


def base_name(path: str | os.PathLike[str]) -> str:
    """Name of an image without a suffix that is understood.

    Other dots are kept: the name of a DICOM file is often a UID without suffix.
    """
    name = Path(path).resolve().name
    known = _FILM_SUFFIXES + _STILL_SUFFIXES + _VOLUME_SUFFIXES + _DICOM_SUFFIXES
    suffixes = [suffix for suffix in known if name.lower().endswith(suffix)]
    return name[: -len(max(suffixes, key=len))] if suffixes else name


def _kind(path: Path) -> str:
    try:
        if path.is_dir():
            return "folder"
        with path.open("rb") as file:
            head = file.read(352)
    except OSError as error:
        raise UnreadableImageError(
            f"{path} cannot be opened: {error.strerror}. Check the path and your rights to it."
        ) from error
    if not head:
        raise UnreadableImageError(f"{path} is empty (0 bytes); copy or export it again.")
    return _kind_by_content(head) or _kind_by_suffix(path)


def _kind_by_content(head: bytes) -> str:
    if head[128:132] == b"DICM":
        return "DICOM"
    if head.startswith(_FILM_MAGIC) or head[8:12] == b"AVI " or head[4:8] == b"ftyp":
        return "film"
    if head.startswith(b"NRRD000") or head[344:348] in (b"n+1\x00", b"ni1\x00"):
        return "volume"
    return "still" if head.startswith(_STILL_MAGIC) else ""


def _kind_by_suffix(path: Path) -> str:
    name = path.name.lower()
    by_suffix = {
        "film": _FILM_SUFFIXES,
        "still": _STILL_SUFFIXES,
        "volume": _VOLUME_SUFFIXES,
        "DICOM": _DICOM_SUFFIXES,
    }
    return next((kind for kind, suffixes in by_suffix.items() if name.endswith(suffixes)), "")
