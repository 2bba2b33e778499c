"""Masks of files and folders, paired by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.errors import InvalidOptionError, UnreadableImageError, UnsupportedImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.labels import LabelSet
from mambaseg.types.segmentation import Segmentation

__all__ = ["MaskPair", "joint_classes", "pair_files", "read_mask", "read_objects", "read_pair"]

_STILLS = (".png", ".bmp", ".tif", ".tiff")
_VOLUMES = (".nrrd", ".nii", ".nii.gz", ".mha")
_ENDINGS = ("_mask", "_masks", "_label", "_labels", "_seg", "_segmentation", "_gt", "_pred")
_RECORD = "segmentation.json"
_NAMED = 5
"""How many files a message names."""


@dataclass(frozen=True)
class MaskPair:
    """A prediction, the reference of the same image, and the image if it is at hand."""

    name: str
    prediction: Path
    reference: Path
    image: Path | None = None


def pair_files(prediction: Path, reference: Path, images: Path | None = None) -> list[MaskPair]:
    """Pair two files, or those of two folders by their names.

    Names are compared without suffix, and without endings such as "_mask" or "_seg". A
    folder of PNG files that mambaseg wrote is one mask.

    Parameters
    ----------
    prediction, reference : Path
        Two files, or two folders of masks.
    images : Path, optional
        An image, or a folder of images; one that has no mask is passed over.

    Raises
    ------
    UnreadableImageError
        If one does not exist, or a folder holds no masks.
    UnsupportedImageError
        If a mask has no partner, or two are of one name.
    """
    for path in (prediction, reference, *([images] if images else [])):
        if not path.exists():
            raise UnreadableImageError(f"{path} does not exist; check the path.")
    single = [_is_mask(path) for path in (prediction, reference)]
    if all(single):
        return [MaskPair(_name(reference), prediction, reference, images)]
    if any(single):
        file, folder = (prediction, reference) if single[0] else (reference, prediction)
        raise UnsupportedImageError(
            f"{file} is one mask and {folder} a folder: compare two masks, or two folders of masks."
        )
    found, true = _masks(prediction), _masks(reference)
    alone = [
        f"{folder} has no {_listed(missing)}"
        for folder, missing in (
            (prediction, [true[name].name for name in sorted(set(true) - set(found))]),
            (reference, [found[name].name for name in sorted(set(found) - set(true))]),
        )
        if missing
    ]
    if alone:
        raise UnsupportedImageError(
            f"Some masks have no partner: {'; '.join(alone)}. Each prediction needs the reference "
            "of the same name, and each reference its prediction: to measure some cases only, "
            "give a folder that holds just these."
        )
    pictures = _images(images) if images else {}
    return [MaskPair(name, found[name], true[name], pictures.get(name)) for name in sorted(found)]


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _is_mask(path: Path) -> bool:
    return path.is_file() or (path / _RECORD).is_file()


def _name(path: Path) -> str:
    from mambaseg.data import base_name

    name = base_name(path)
    ending = next((one for one in _ENDINGS if name.lower().endswith(one)), "")
    return name[: len(name) - len(ending)] or name


def _by_name(paths: Iterable[Path]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in sorted(paths):
        twin = named.setdefault(_name(path), path)
        if twin is not path:
            raise UnsupportedImageError(
                f"{twin} and {path.name} are both masks of {_name(path)}, and which one counts "
                "cannot be told: leave one of them."
            )
    return named


def _masks(folder: Path) -> dict[str, Path]:
    named = _by_name(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".")
        and (path.name.lower().endswith((*_STILLS, *_VOLUMES)) or (path / _RECORD).is_file())
    )
    if not named:
        raise UnreadableImageError(
            f"{folder} holds no masks; files ({', '.join((*_VOLUMES, *_STILLS))}) or folders that "
            "mambaseg wrote were expected."
        )
    return named


def _images(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {_name(path): path}
    return {_name(one): one for one in sorted(path.iterdir()) if not one.name.startswith(".")}


def read_mask(path: Path, names: Mapping[int, str] | None = None) -> Segmentation:
    """Read a mask: what mambaseg or another program wrote, or an image of class values.

    Parameters
    ----------
    path : Path
    names : mapping of int to str, optional
        Names of the classes, in place of the file's.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        If it is no mask.
    InvalidOptionError
        If the names are not possible.
    """
    from mambaseg.data import read_segmentation

    mask = read_segmentation(path)
    if names is None:
        return mask
    try:
        return replace(mask, label_set=LabelSet.from_names(dict(names)))
    except ValueError as error:
        raise InvalidOptionError(f"The classes are not possible: {error}") from error


def read_objects(path: Path) -> NDArray[Any]:
    """Read a mask whose numbers are those of objects, however many.

    Parameters
    ----------
    path : Path
        A still image, or a volume.

    Returns
    -------
    ndarray of int
        Number of the object at each pixel; 0 for none.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        If it is no such mask.
    """
    if path.is_dir():
        return np.asarray(read_mask(path).labels)
    from mambaseg.data.label_numbers import read_numbers

    numbers: NDArray[Any] = np.asarray(read_numbers(path).array)[0]
    return numbers


def read_pair(
    pair: MaskPair, names: Mapping[int, str] | None = None
) -> tuple[Segmentation, Segmentation]:
    """Read a prediction and its reference.

    Most programs know no time: they save a clip's masks as a volume. Where the other mask
    is a clip's, the slices are taken for frames.
    """
    found, true = read_mask(pair.prediction, names), read_mask(pair.reference, names)
    if {found.axes, true.axes} == {"ZYX", "TYX"}:
        return _as_clip(found), _as_clip(true)
    return found, true


def _as_clip(mask: Segmentation) -> Segmentation:
    return mask if mask.axes == "TYX" else replace(mask, axes="TYX", geometry=Geometry())


def joint_classes(pairs: Iterable[MaskPair]) -> dict[int, str] | None:
    """Find the classes of masks whose files name none: all values that the references hold.

    A class that one image lacks is measured there all the same, as it is where files name
    their classes.

    Returns
    -------
    dict of int to str, or None
        None where a file names its classes.

    Raises
    ------
    UnsupportedImageError
        If the predictions hold classes that no reference has.
    """
    found: dict[int, Path] = {}
    true: set[int] = set()
    for pair in pairs:
        own, ours = (read_mask(path).label_set.names for path in (pair.prediction, pair.reference))
        if any(n != f"class {v}" for names in (own, ours) for v, n in names.items()):
            return None
        found |= dict.fromkeys(own, pair.prediction)
        true |= set(ours)
    alone = sorted(set(found) - true)
    if alone:
        raise UnsupportedImageError(
            f"{found[alone[0]]} holds the class {alone[0]}, which no reference has; they have "
            f"{_listed([str(value) for value in sorted(true)])}. Renumber its labels, or name all "
            "classes."
        )
    return {value: f"class {value}" for value in sorted(true)}
