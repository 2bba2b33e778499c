"""nnU-Net's raw data sets (version 2), such as our own stores of corrections."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mambaseg.data.datasets.case import Case, DataSet
from mambaseg.data.datasets.description import classes_of, names_by_number, read_description
from mambaseg.data.datasets.listing import inside, stem_of
from mambaseg.types.errors import DataSetError

__all__ = ["find_nnunet"]

_NUMBERED = re.compile(r"(.+)_(\d{4})$")


def find_nnunet(path: Path) -> DataSet | str:
    """List the cases, or say why the folder is no such data set."""
    source = path / "dataset.json"
    content = read_description(source)
    if content is None:
        return "it holds no dataset.json"
    channels = names_by_number(content.get("channel_names"))
    if channels is None:
        return "its dataset.json has no channel_names"
    classes, ignore = classes_of(content.get("labels"), source)
    if isinstance(content.get("dataset"), dict):
        cases, incomplete = _named(path, source, content["dataset"])
    else:
        cases, incomplete = _found(path, str(content.get("file_ending", ".nii.gz")), len(channels))
    return DataSet(
        path,
        "an nnU-Net raw data set",
        tuple(cases),
        channels,
        classes,
        ignore,
        incomplete=tuple(incomplete),
    )


def _named(path: Path, source: Path, listed: dict[str, Any]) -> tuple[list[Case], list[str]]:
    cases, incomplete = [], []
    for name, entry in sorted(listed.items()):
        if not isinstance(entry, dict) or not isinstance(entry.get("images"), list):
            raise DataSetError(f"{source} does not say the images of {name!r}. Mend it there.")
        images = [inside(path, image, source) for image in entry["images"]]
        label = inside(path, entry.get("label"), source)
        missing = [file for file in (*images, label) if not file.exists()]
        incomplete += [f"{file} is missing" for file in missing]
        if not missing:
            cases.append(Case(name, tuple(map(str, images)), str(label), name))
    return cases, incomplete


def _found(path: Path, ending: str, n_channels: int) -> tuple[list[Case], list[str]]:
    images: dict[str, dict[int, Path]] = {}
    incomplete: list[str] = []
    for file in sorted((path / "imagesTr").glob(f"[!.]*{ending}")):
        match = _NUMBERED.match(stem_of(file) if file.name.endswith(ending) else "")
        if match:
            images.setdefault(match[1], {})[int(match[2])] = file
    cases = []
    for name, channels in images.items():
        label = path / "labelsTr" / f"{name}{ending}"
        missing = [f"{name}_{i:04}{ending}" for i in range(n_channels) if i not in channels]
        incomplete += [f"{path / 'imagesTr' / file} is missing" for file in missing]
        if not label.exists():
            incomplete.append(f"{path / 'imagesTr' / name}_0000{ending} has no mask ({label})")
        elif not missing:
            files = tuple(str(channels[i]) for i in range(n_channels))
            cases.append(Case(name, files, str(label), name))
    for label in sorted((path / "labelsTr").glob(f"[!.]*{ending}")):
        if label.name.removesuffix(ending) not in images:
            incomplete.append(f"{label} has no image")
    return cases, incomplete
