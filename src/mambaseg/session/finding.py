"""Which images lie at a path."""

from __future__ import annotations

from pathlib import Path

from mambaseg.data.frame_folders import image_files
from mambaseg.data.readers import IMAGE_FILE_SUFFIXES
from mambaseg.types.errors import UnreadableImageError

__all__ = ["find_images"]


def find_images(path: Path) -> list[Path]:
    """List what can be opened at a path.

    Parameters
    ----------
    path : Path
        A file, which stands for itself, or a folder.

    Returns
    -------
    list of Path
        For a folder: the folder itself where it holds numbered images (they
        are the frames of one clip), then each film, volume and DICOM file in it.

    Raises
    ------
    UnreadableImageError
        If there is nothing at the path, or nothing in the folder that is understood.
    """
    if not path.exists():
        raise UnreadableImageError(f"{path} does not exist; check the path.")
    if not path.is_dir():
        return [path]
    try:
        files = sorted(file for file in path.iterdir() if _is_one_image(file))
        found = ([path] if image_files(path) else []) + files
    except OSError as error:
        raise UnreadableImageError(
            f"{path} cannot be opened: {error.strerror}. Check your rights to it."
        ) from error
    if not found:
        raise UnreadableImageError(
            f"The folder {path} holds no image that is understood: choose a folder of numbered "
            "images, or one with films, volumes or DICOM files."
        )
    return found


def _is_one_image(file: Path) -> bool:
    if not file.is_file() or file.name.startswith("."):
        return False
    if file.name.lower().endswith(IMAGE_FILE_SUFFIXES):
        return True
    if file.suffix:
        return False
    with file.open("rb") as content:  # DICOM files often have no suffix
        return content.read(132)[128:] == b"DICM"
