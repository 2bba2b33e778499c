"""BraTS: a folder for each case, with a file for each sequence and one that ends in seg."""

from __future__ import annotations

from pathlib import Path

from mambaseg.data.channel_groups import group_channels
from mambaseg.data.datasets.case import Case, DataSet
from mambaseg.data.datasets.listing import VOLUME_SUFFIXES, listed, stem_of

__all__ = ["find_brats"]

_CLASSES = {1: "necrotic core", 2: "oedema", 3: "enhancing tumour"}
_WORDS = {"t2f": "flair", "t1n": "t1", "t1c": "t1ce", "t1gd": "t1ce", "t2w": "t2"}
_ORDER = ("t1", "t1ce", "t2", "flair")


def find_brats(path: Path) -> DataSet | str:
    """List the cases of a folder, or the single one that it is; 4 stands for 3, as until 2021."""
    if not path.is_dir():
        return "it is no folder"
    folders = [path, *(child for child in sorted(path.iterdir()) if child.is_dir())]
    cases, incomplete, channels = [], [], None
    for folder in folders:
        files = listed(folder, VOLUME_SUFFIXES)
        masks = {stem_of(file)[:-4]: file for file in files if stem_of(file).lower()[-3:] == "seg"}
        for group in group_channels(file for file in files if file not in masks.values()):
            found = {
                _WORDS.get(name, name): file
                for name, file in zip(group.channels, group.files, strict=True)
            }
            if not set(_ORDER) & found.keys():
                continue
            names = tuple(name for name in _ORDER if name in found)
            channels = channels or names
            if missing := [name for name in channels if name not in found]:
                incomplete.append(f"{folder / group.name} has no file for {', '.join(missing)}")
            elif group.name not in masks:
                incomplete.append(f"{folder / group.name} has no file that ends in seg")
            else:
                images = tuple(str(found[name]) for name in channels)
                cases.append(Case(group.name, images, str(masks[group.name]), _patient(group.name)))
    if not cases and not incomplete:
        return "it holds no folders with files such as CASE_flair.nii.gz and CASE_seg.nii.gz"
    return DataSet(
        path,
        "BraTS cases",
        tuple(cases),
        channels,
        _CLASSES,
        stored={4: 3},
        incomplete=tuple(incomplete),
    )


def _patient(case: str) -> str:
    """BraTS-GLI-00006-101 is a second visit of the patient of BraTS-GLI-00006-100."""
    parts = case.split("-")
    return "-".join(parts[:-1]) if len(parts) == 4 else case
