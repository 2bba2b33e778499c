"""What kind of file a file is: its content says; its suffix only where that is not clear."""

from __future__ import annotations

from pathlib import Path

from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError

__all__ = ["IMAGE_FILE_SUFFIXES", "UNDERSTOOD", "file_kind", "is_dicom", "known_suffixes"]

_STILL_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM")
_TIFF_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_FILM_MAGIC = (b"GIF8", b"\x1a\x45\xdf\xa3", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")
_FILM_SUFFIXES = (".mp4", ".m4v", ".avi", ".mpeg", ".mpg", ".mov", ".mkv", ".webm", ".gif")
_STILL_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
_TIFF_SUFFIXES = (".tif", ".tiff")
_VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
_DICOM_SUFFIXES = (".dcm", ".dicom")
_HDF5_SUFFIXES = (".h5", ".hdf5")
IMAGE_FILE_SUFFIXES = (*_FILM_SUFFIXES, *_VOLUME_SUFFIXES, *_DICOM_SUFFIXES, *_HDF5_SUFFIXES)
"""Suffixes of files that hold a whole film, volume or DICOM image."""
UNDERSTOOD = (
    "films (mp4, avi, mpeg, mov, mkv, gif), folders of numbered images or DICOM slices, DICOM, "
    "still images (png, jpg, bmp, tif), volumes (nii, nii.gz, nrrd, mha, mhd, tif) and HDF5"
)


def known_suffixes() -> tuple[str, ...]:
    """Give every suffix that is understood."""
    return (*IMAGE_FILE_SUFFIXES, *_STILL_SUFFIXES, *_TIFF_SUFFIXES)


def file_kind(path: Path) -> str:
    """Say "DICOM", "film", "volume", "TIFF", "still" or "HDF5"; "" for anything else.

    Raises
    ------
    UnreadableImageError
        If the file is missing, locked or empty.
    UnsupportedImageError
        If it seems to be DICOM, but lacks the mark by which DICOM files are told.
    """
    try:
        with path.open("rb") as file:
            head = file.read(352)
    except OSError as error:
        raise UnreadableImageError(
            f"{path} cannot be opened: {error.strerror}. Check the path and your rights to it."
        ) from error
    if not head:
        raise UnreadableImageError(f"{path} is empty (0 bytes); copy or export it again.")
    kind = _by_content(head)
    if not kind and _is_bare_dicom(head):
        raise UnsupportedImageError(
            f"{path} seems to be DICOM that was saved without the head of a DICOM file (128 bytes "
            "and the mark DICM). Export it again as a file, for example with DCMTK's dcmconv."
        )
    return kind or _by_suffix(path)


def is_dicom(file: Path) -> bool:
    """Tell whether a file has the mark of DICOM; False where it cannot be read."""
    try:
        with file.open("rb") as content:
            return content.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _by_content(head: bytes) -> str:
    if head[128:132] == b"DICM":
        return "DICOM"
    if head.startswith(_FILM_MAGIC) or head[8:12] == b"AVI " or head[4:8] == b"ftyp":
        return "film"
    if head.startswith(b"NRRD000") or head[344:348] in (b"n+1\x00", b"ni1\x00"):
        return "volume"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "HDF5"
    if head.startswith(_TIFF_MAGIC):
        return "TIFF"
    return "still" if head.startswith(_STILL_MAGIC) else ""


def _is_bare_dicom(head: bytes) -> bool:
    """Tell whether a file begins with an element of DICOM: group 2 or 8, then a type or length."""
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return head[:2] in (b"\x02\0", b"\x08\0") and (explicit or head[5:8] == b"\0\0\0")


def _by_suffix(path: Path) -> str:
    name = path.name.lower()
    by_suffix = {
        "film": _FILM_SUFFIXES,
        "still": _STILL_SUFFIXES,
        "TIFF": _TIFF_SUFFIXES,
        "volume": _VOLUME_SUFFIXES,
        "DICOM": _DICOM_SUFFIXES,
        "HDF5": _HDF5_SUFFIXES,
    }
    return next((kind for kind, suffixes in by_suffix.items() if name.endswith(suffixes)), "")
