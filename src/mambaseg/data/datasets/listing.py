"""Looking through folders for images and masks that belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from mambaseg.data.still_images import IMAGE_SUFFIXES
from mambaseg.types.errors import DataSetError

__all__ = ["VOLUME_SUFFIXES", "inside", "listed", "pair_by_stem", "stem_of"]

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")
_MASK_WORDS = r"(lesion|mask|masks|seg|segmentation|label|labels|gt)"


def stem_of(path: Path) -> str:
    """Name of a file without its suffix; that of a gzipped file has two."""
    name = path.name
    for suffix in VOLUME_SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return path.stem


def listed(
    folder: Path, suffixes: Iterable[str] = (*IMAGE_SUFFIXES, *VOLUME_SUFFIXES)
) -> list[Path]:
    """Files of a folder with such suffixes, sorted by name; hidden ones are passed over."""
    ends = tuple(suffixes)
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.lower().endswith(ends) and not path.name.startswith(".") and path.is_file()
    )


def pair_by_stem(
    images: Iterable[Path], masks: Iterable[Path]
) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Find each image's mask: the one of its name, or of its name and a word such as "_mask".

    Returns
    -------
    pairs : list of (Path, Path)
        Image and mask.
    incomplete : list of str
        What has no partner, one sentence each.
    """
    by_stem = {stem_of(mask): mask for mask in masks}
    plain = {re.sub(rf"[_-]{_MASK_WORDS}$", "", stem, flags=re.I): stem for stem in by_stem}
    pairs, incomplete, used = [], [], set()
    for image in images:
        stem = stem_of(image)
        found = stem if stem in by_stem else plain.get(stem)
        if found is None:
            incomplete.append(f"{image} has no mask")
            continue
        used.add(found)
        pairs.append((image, by_stem[found]))
    incomplete += [f"{mask} has no image" for stem, mask in by_stem.items() if stem not in used]
    return pairs, incomplete


def inside(folder: Path, name: object, source: Path) -> Path:
    """Give a path that a data set's description names, below the data set's own folder.

    Raises
    ------
    DataSetError
        If it leads elsewhere.
    """
    path = folder / str(name)
    if not isinstance(name, str) or not path.resolve().is_relative_to(folder.resolve()):
        raise DataSetError(
            f"{source} names the file {name!r}, which does not lie in {folder}: paths relative to "
            "the data set's folder were expected. Mend it there."
        )
    return path
