"""A folder of images beside one of masks, each mask named as its image."""

from __future__ import annotations

from pathlib import Path

from mambaseg.data.datasets.case import Case, DataSet
from mambaseg.data.datasets.listing import listed, pair_by_stem, stem_of

__all__ = ["find_paired", "pair_folders"]

_IMAGES = ("images", "image", "imgs", "img")
_MASKS = ("masks", "mask", "labels", "label", "annotations", "segmentations", "gt")
_TRAINING = ("train", "training")
_HELD_OUT = ("validation", "val", "valid", "test", "testing")


def find_paired(path: Path) -> DataSet | str:
    """List the cases of images/ and masks/, or of train/ and validation/ that hold these."""
    if not path.is_dir():
        return "it is no folder"
    cases: list[Case] = []
    incomplete: list[str] = []
    sides: list[tuple[bool | None, Path]] = [(None, path)]
    below = {folder.name.lower(): folder for folder in path.iterdir() if folder.is_dir()}
    if any(name in below for name in _TRAINING):
        sides = [
            (name in _HELD_OUT, folder)
            for name, folder in sorted(below.items())
            if name in (*_TRAINING, *_HELD_OUT)
        ]
    for held_out, folder in sides:
        images, masks = _child(folder, _IMAGES), _child(folder, _MASKS)
        if images is None or masks is None:
            return f"{folder} holds no folders called images and masks (or labels)"
        prefix = "" if held_out is None else f"{folder.name}/"
        more, lonely = _paired(images, masks, prefix, held_out)
        cases += more
        incomplete += lonely
    return DataSet(path, "folders of images and masks", tuple(cases), incomplete=tuple(incomplete))


def pair_folders(images: Path, masks: Path) -> DataSet:
    """List the cases of two folders of any name."""
    cases, incomplete = _paired(images, masks, "", None)
    return DataSet(
        images, "folders of images and masks", tuple(cases), incomplete=tuple(incomplete)
    )


def _paired(
    images: Path, masks: Path, prefix: str, held_out: bool | None
) -> tuple[list[Case], list[str]]:
    pairs, incomplete = pair_by_stem(listed(images), listed(masks))
    cases = [
        Case(prefix + stem_of(image), (str(image),), str(mask), prefix + stem_of(image), held_out)
        for image, mask in pairs
    ]
    return cases, incomplete


def _child(folder: Path, names: tuple[str, ...]) -> Path | None:
    below = {child.name.lower(): child for child in folder.iterdir() if child.is_dir()}
    return next((below[name] for name in names if name in below), None)
