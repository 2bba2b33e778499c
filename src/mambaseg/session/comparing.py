"""Whole folders of masks against references, one model or two, down to the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mambaseg.data import read_image
from mambaseg.metrics import MeasureOptions, Row, evaluate, evaluate_instances, pooled
from mambaseg.metrics.grids import resampled
from mambaseg.metrics.options import Level
from mambaseg.metrics.ranking import Ranked, worst
from mambaseg.metrics.report import Picture, write_report
from mambaseg.session.mask_files import (
    MaskPair,
    joint_classes,
    pair_files,
    read_objects,
    read_pair,
)
from mambaseg.session.worst_pictures import N_PICTURES, picture_of, present
from mambaseg.types import LabelClass, LabelSet, Segmentation
from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError

__all__ = ["Compared", "FileComparison", "compare_files", "report_of"]

_OBJECTS = LabelSet.from_names({1: "object"})
_COUNTS = ("TP", "FP", "FN", "TN")

Progress = Callable[[int, int, str], None]
"""Told how many masks are measured, of how many, and the next one's name."""


@dataclass(frozen=True)
class FileComparison:
    """What is compared.

    Parameters
    ----------
    models : mapping of str to Path
        A mask or a folder of masks, of each of one or two models, by the model's name.
    reference : Path
        A mask or folder likewise.
    options : MeasureOptions
    images : Path, optional
        What the masks are of, for the pictures of a report.
    names : mapping of int to str, optional
        Names of the classes, in place of the files'.
    objects : bool
        The masks' numbers are those of objects, such as cells, and not of classes: the
        measures of instances are taken, and no others.
    """

    models: Mapping[str, Path]
    reference: Path
    options: MeasureOptions
    images: Path | None = None
    names: Mapping[int, str] | None = None
    objects: bool = False


@dataclass(frozen=True)
class Compared:
    """What was measured.

    Parameters
    ----------
    request : FileComparison
    rows : dict of str to list of Row
        Of each model; the pooled ones last.
    pairs : dict of str to list of MaskPair
        Of each model.
    label_set : LabelSet
        The classes.
    names : mapping of int to str, or None
        Names that were given to the classes of files that name none.
    """

    request: FileComparison
    rows: dict[str, list[Row]]
    pairs: dict[str, list[MaskPair]]
    label_set: LabelSet
    names: Mapping[int, str] | None


def compare_files(
    request: FileComparison,
    progress: Progress = lambda done, total, name: None,
    check: Callable[[], None] = lambda: None,
) -> Compared:
    """Measure masks of files and folders; of clips, each frame and the clip.

    Parameters
    ----------
    request : FileComparison
    progress : Progress
    check : callable
        Called before each frame; what it raises ends the work.

    Raises
    ------
    MambasegError
        If masks have no partner, cannot be read or do not fit; it names the file.
    """
    if len(request.models) not in (1, 2):
        raise InvalidOptionError("One model is measured, or two are compared.")
    pairs = {
        name: pair_files(path, request.reference, request.images)
        for name, path in request.models.items()
    }
    every = [pair for of_model in pairs.values() for pair in of_model]
    names = request.names
    if names is None and request.options.regions is None and not request.objects:
        names = joint_classes(every)
    rows: dict[str, list[Row]] = {}
    classes: dict[int, LabelClass] = {}
    done = 0
    for model, of_model in pairs.items():
        found: list[Row] = []
        for pair in of_model:
            progress(done, len(every), pair.name)
            if request.objects:
                check()
                measured, label_set = _measure_objects(pair), _OBJECTS
            else:
                measured, label_set = _measure(pair, request.options, names, check)
            found += measured
            classes |= {label.value: label for label in label_set.classes}
            done += 1
        rows[model] = found + pooled(found)
        if not found:
            raise UnsupportedImageError(
                f"{request.reference} has no annotated frame to compare with: verify some first."
            )
    progress(done, len(every), "")
    label_set = LabelSet(tuple(classes[value] for value in sorted(classes)))
    return Compared(request, rows, pairs, label_set, names)


def _measure(
    pair: MaskPair,
    options: MeasureOptions,
    names: Mapping[int, str] | None,
    check: Callable[[], None],
) -> tuple[list[Row], LabelSet]:
    found, true = read_pair(pair, names)
    both: tuple[Level, Level] = ("frame", "case")
    levels = options.levels or (both if true.axes.startswith("T") else both[1:])
    # The counts are always taken, for pooling.
    wanted = replace(options, measures={*options.measures, *_COUNTS}, levels=levels)
    try:
        rows = evaluate(found, true, options=wanted, case=pair.name, check=check)
    except UnsupportedImageError as error:
        raise UnsupportedImageError(f"{pair.prediction} against {pair.reference}: {error}") from (
            error
        )
    return rows, true.label_set


def _measure_objects(pair: MaskPair) -> list[Row]:
    found, true = read_objects(pair.prediction), read_objects(pair.reference)
    try:
        return evaluate_instances(found, true, case=pair.name)
    except UnsupportedImageError as error:
        raise UnsupportedImageError(f"{pair.prediction} against {pair.reference}: {error}") from (
            error
        )


def _as_one_class(path: Path) -> Segmentation:
    objects = read_objects(path)
    axes = "YX" if objects.ndim == 2 else "ZYX"
    return Segmentation((objects > 0).astype(np.uint8), axes, _OBJECTS)


def report_of(compared: Compared, path: Path, ranked_by: str = "Dice") -> None:
    """Write the HTML report of a comparison, with pictures of the worst cases.

    Raises
    ------
    OutputError
        If it cannot be written.
    MambasegError
        If a file that was measured cannot be read again.
    """
    request = compared.request
    first = next(iter(request.models))
    n_cases = len(compared.pairs[first])
    ranked = worst(present(compared.rows[first]), ranked_by, N_PICTURES)
    about = [
        f"{n_cases} case{'s' if n_cases != 1 else ''}.",
        *(f"{name}: {where}." for name, where in request.models.items()),
        f"Reference: {request.reference}.",
    ]
    if len(request.models) == 2:
        about.append(f"The pictures show {first}.")
    write_report(
        path,
        compared.rows,
        title=" against ".join(request.models)
        if len(request.models) == 2
        else f"{first}, measured",
        about=about,
        colors={label.name: label.color for label in compared.label_set.classes},
        pictures=[_picture(compared, first, one) for one in ranked],
        ranked_by=ranked_by,
    )


def _picture(compared: Compared, model: str, ranked: Ranked) -> Picture:
    pair = next(one for one in compared.pairs[model] if one.name == ranked.case)
    if compared.request.objects:
        found, true = (_as_one_class(path) for path in (pair.prediction, pair.reference))
    else:
        found, true = read_pair(pair, compared.names)
    if compared.request.options.resample:
        found = resampled(found, true)
    return picture_of(found, true, read_image(pair.image) if pair.image else None, ranked)
