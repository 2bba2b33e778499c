"""Small data sets of every known layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from mambaseg.data import write_segmentation
from mambaseg.types import Geometry, LabelSet, Segmentation

PLACE = Geometry((2.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
SIZE = (16, 20, 24)


def ball(number: int, shape: tuple[int, ...] = SIZE) -> np.ndarray:
    """A ball or disc whose place depends on a number."""
    axes = np.meshgrid(*(np.arange(side) for side in shape), indexing="ij")
    centre = [side * (0.5 + ((3 + 2 * k) * number % 5 - 2) / 12) for k, side in enumerate(shape)]
    found = sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True))
    return (found < (min(shape) / 3) ** 2).astype(np.uint8)


def intensities(mask: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 60, mask.shape)
    return (60 + 120 * (mask > 0) + noise).astype(np.uint8)


def write_volume(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = LabelSet.from_names({1: "a"})
    write_segmentation(Segmentation(array, "ZYX", names, PLACE), path)


def write_picture(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def nnunet(folder: Path, cases: int = 4) -> None:
    for i in range(cases):
        mask = ball(i)
        for channel in range(2):
            image = intensities(mask, 10 * i + channel)
            write_volume(folder / f"imagesTr/c{i}_{channel:04}.nii.gz", image)
        write_volume(folder / f"labelsTr/c{i}.nii.gz", mask)
    content = {
        "channel_names": {"0": "T1", "1": "T2"},
        "labels": {"background": 0, "ball": 1, "ignore": 2},
        "numTraining": cases,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(content))


def decathlon(folder: Path, cases: int = 4, shape: tuple[int, ...] = SIZE) -> None:
    entries = []
    for i in range(cases):
        mask = ball(i, shape)
        write_volume(folder / f"imagesTr/c{i}.nii.gz", intensities(mask, i))
        write_volume(folder / f"labelsTr/c{i}.nii.gz", mask)
        entries.append({"image": f"./imagesTr/c{i}.nii.gz", "label": f"./labelsTr/c{i}.nii.gz"})
    content = {
        "modality": {"0": "MRI"},
        "labels": {"0": "background", "1": "ball"},
        "training": entries,
        "test": [],
    }
    (folder / "dataset.json").write_text(json.dumps(content))


def paired(folder: Path, cases: int = 4) -> None:
    for i in range(cases):
        mask = ball(i, (40, 48))
        write_picture(folder / f"images/p{i}.png", intensities(mask, i))
        write_picture(folder / f"masks/p{i}.png", mask)


def paired_with_split(folder: Path, cases: int = 4) -> None:
    for i in range(cases):
        side = folder / ("train" if i < cases - 1 else "validation")
        mask = ball(i, (40, 48))
        write_picture(side / f"images/p{i}.jpg", intensities(mask, i))
        write_picture(side / f"masks/p{i}.jpg", 255 * mask)


def clips(folder: Path, cases: int = 2) -> None:
    for i in range(cases):
        for frame in range(4):
            mask = ball(i + frame, (40, 48))
            image = np.stack([intensities(mask, 100 * i + frame)] * 3, axis=-1)
            write_picture(folder / f"Train/{i:04}/{frame:04}.png", image)
            if frame != 2:
                write_picture(folder / f"Train_GT/{i:04}/{frame:04}.png", 255 * mask)


def brats(folder: Path, cases: int = 2) -> None:
    for i in range(cases):
        mask = ball(i)
        name = f"BraTS2021_{i:05}"
        for number, channel in enumerate(("flair", "t1", "t1ce", "t2")):
            image = intensities(mask, 10 * i + number)
            write_volume(folder / name / f"{name}_{channel}.nii.gz", image)
        write_volume(folder / name / f"{name}_seg.nii.gz", 4 * mask)


def acdc(folder: Path, cases: int = 2) -> None:
    for i in range(cases):
        for frame in (1, 9):
            mask, stem = ball(i), f"patient{i:03}_frame{frame:02}"
            place = folder / f"patient{i:03}"
            write_volume(place / f"{stem}.nii.gz", intensities(mask, 10 * i + frame))
            write_volume(place / f"{stem}_gt.nii.gz", mask)


def acdc_h5(folder: Path, cases: int = 2) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(cases):
        for frame in (1, 9):
            mask = ball(i)
            with h5py.File(folder / f"patient{i:03}_frame{frame:02}.h5", "w") as file:
                file["image"] = intensities(mask, 10 * i + frame).astype(np.float32) / 255
                file["label"] = mask


MAKERS: dict[str, Callable[..., None]] = {
    maker.__name__: maker
    for maker in (nnunet, decathlon, paired, paired_with_split, clips, brats, acdc, acdc_h5)
}
