"""The Medical Segmentation Decathlon's folders, by their JSON."""

from __future__ import annotations

from pathlib import Path

from mambaseg.data.datasets.case import Case, DataSet
from mambaseg.data.datasets.description import classes_of, names_by_number, read_description
from mambaseg.data.datasets.listing import inside, stem_of

__all__ = ["find_decathlon"]


def find_decathlon(path: Path) -> DataSet | str:
    """List the cases of `training` (and of `validation`, as held out), or say why it is none."""
    source = path / "dataset.json"
    content = read_description(source)
    if content is None:
        return "it holds no dataset.json"
    training = content.get("training")
    if not isinstance(training, list):
        return "its dataset.json has no list called training"
    validation = content.get("validation")
    held_out = validation if isinstance(validation, list) else []
    classes, ignore = classes_of(content.get("labels"), source)
    cases, incomplete = [], []
    for entry, is_held_out in [(e, False) for e in training] + [(e, True) for e in held_out]:
        if not isinstance(entry, dict) or "label" not in entry:
            incomplete.append(f"{source} names {entry!r} without a label")
            continue
        image, label = (inside(path, entry.get(key), source) for key in ("image", "label"))
        missing = [file for file in (image, label) if not file.exists()]
        incomplete += [f"{file} is missing" for file in missing]
        if not missing:
            side = is_held_out if held_out else None
            cases.append(Case(stem_of(image), (str(image),), str(label), stem_of(image), side))
    return DataSet(
        path,
        "a Medical Segmentation Decathlon task",
        tuple(sorted(cases, key=lambda case: case.name)),
        names_by_number(content.get("modality")),
        classes,
        ignore,
        incomplete=tuple(incomplete),
    )
