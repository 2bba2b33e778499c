"""Clips as folders of frames, with their masks in a folder of the same name, as in VTUS."""

from __future__ import annotations

from pathlib import Path

from mambaseg.data.datasets.case import Case, DataSet
from mambaseg.data.frame_folders import image_files

__all__ = ["find_clips"]

_SUFFIXES = ("_gt", "_masks", "_labels")
_MASKS = {"images": ("masks", "labels"), "frames": ("masks", "labels")}
_HELD_OUT = ("test", "val", "valid", "validation")


def find_clips(path: Path) -> DataSet | str:
    """List the clips of Train/CLIP with Train_GT/CLIP, or of images/CLIP with masks/CLIP."""
    if not path.is_dir():
        return "it is no folder"
    below = {folder.name.lower(): folder for folder in path.iterdir() if folder.is_dir()}
    sides = [
        (name, folder, below[other])
        for name, folder in sorted(below.items())
        for other in (*(name + suffix for suffix in _SUFFIXES), *_MASKS.get(name, ()))
        if other in below
    ]
    clips = [
        (name, clip, masks)
        for name, folder, masks in sides
        for clip in sorted(folder.iterdir())
        if clip.is_dir() and not clip.name.startswith(".")
    ]
    if not clips:
        return "it holds no folders of clips such as Train/CLIP and Train_GT/CLIP"
    split = any(name in _HELD_OUT for name, _, _ in clips)
    cases, incomplete = [], []
    for name, clip, masks in clips:
        mask = masks / clip.name
        if not mask.is_dir():
            incomplete.append(f"the clip {clip} has no folder of masks {mask}")
            continue
        frames = {file.stem for file in image_files(clip)}
        incomplete += [
            f"{file} has no frame in {clip}"
            for file in image_files(mask)
            if file.stem not in frames
        ]
        held_out = name in _HELD_OUT if split else None
        prefix = f"{clip.parent.name}/" if len(sides) > 1 else ""
        cases.append(Case(prefix + clip.name, (str(clip),), str(mask), clip.name, held_out))
    return DataSet(path, "clips as folders of frames", tuple(cases), incomplete=tuple(incomplete))
