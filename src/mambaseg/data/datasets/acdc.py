"""ACDC: heart MRI at end-diastole and end-systole, as NIfTI in patients' folders or as HDF5."""

from __future__ import annotations

import re
from pathlib import Path

from mambaseg.data.datasets.case import Case, DataSet
from mambaseg.data.datasets.listing import VOLUME_SUFFIXES, listed, stem_of

__all__ = ["find_acdc"]

_FRAME = re.compile(r"(patient\d+)_frame\d+$")
_CLASSES = {1: "right ventricle", 2: "myocardium", 3: "left ventricle"}


def find_acdc(path: Path) -> DataSet | str:
    """List the cases, or say why the folder holds none; a patient's two frames are one group."""
    if not path.is_dir():
        return "it is no folder"
    cases: list[Case] = []
    incomplete: list[str] = []
    folders = [path, *(child for child in sorted(path.rglob("*")) if child.is_dir())]
    split = {"training", "testing"} <= {folder.name.lower() for folder in folders}
    for folder in folders:
        held_out = "testing" in (part.lower() for part in folder.parts) if split else None
        for file in listed(folder, (*VOLUME_SUFFIXES, ".h5")):
            match = _FRAME.match(stem_of(file))
            if not match:
                continue
            image, mask = f"{file}::image", f"{file}::label"
            if file.suffix != ".h5":
                partner = file.with_name(file.name.replace(match[0], f"{match[0]}_gt"))
                image, mask = str(file), str(partner)
                if not partner.exists():
                    incomplete.append(f"{file} has no mask ({partner.name})")
                    continue
            cases.append(Case(match[0], (image,), mask, match[1], held_out))
    if not cases and not incomplete:
        return "it holds no files such as patient001_frame01.nii.gz or .h5"
    return DataSet(
        path,
        "ACDC heart MRI",
        tuple(cases),
        ("mri",),
        _CLASSES,
        incomplete=tuple(incomplete),
    )
