"""Whole folders of masks against references, one model or two, down to the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.metrics import MeasureOptions, Row, evaluate, pooled
from mambaseg.metrics.difference import AGREEMENT, difference, paint_difference
from mambaseg.metrics.grids import resampled
from mambaseg.metrics.options import Level
from mambaseg.metrics.ranking import Ranked, worst
from mambaseg.metrics.report import Picture, write_report
from mambaseg.session.mask_files import MaskPair, joint_classes, pair_files, read_pair
from mambaseg.types import LabelClass, LabelSet, Segmentation
from mambaseg.types.errors import InvalidOptionError, UnsupportedImageError

__all__ = ["Compared", "FileComparison", "compare_files", "report_of"]

_COUNTS = ("TP", "FP", "FN", "TN")
_PICTURES = 9
_WIDEST = 640

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
    """

    models: Mapping[str, Path]
    reference: Path
    options: MeasureOptions
    images: Path | None = None
    names: Mapping[int, str] | None = None


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
    if names is None and request.options.regions is None:
        names = joint_classes(every)
    rows: dict[str, list[Row]] = {}
    classes: dict[int, LabelClass] = {}
    done = 0
    for model, of_model in pairs.items():
        found: list[Row] = []
        for pair in of_model:
            progress(done, len(every), pair.name)
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
    ranked = worst(_present(compared.rows[first]), ranked_by, _PICTURES)
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


def _present(rows: list[Row]) -> list[Row]:
    """Leave out the rows of classes that neither mask holds: nothing can be bad about them."""
    absent = {
        (row.case, row.frame, row.class_name)
        for row in rows
        if row.measure == "TP" and row.value == 0
    }
    missed = {
        (row.case, row.frame, row.class_name)
        for row in rows
        if row.measure in ("FP", "FN") and row.value
    }
    nothing = absent - missed
    return [row for row in rows if (row.case, row.frame, row.class_name) not in nothing]


def _picture(compared: Compared, model: str, ranked: Ranked) -> Picture:
    pair = next(one for one in compared.pairs[model] if one.name == ranked.case)
    found, true = read_pair(pair, compared.names)
    if compared.request.options.resample:
        found = resampled(found, true)
    values, ignore = list(true.label_set.names), true.label_set.ignore
    plane = ranked.frame
    if plane is None and true.labels.ndim > 2:
        plane = _worst_plane(found, true, values, ignore)
    masks = [np.asarray(m.labels[:] if plane is None else m.labels[plane]) for m in (found, true)]
    if masks[1].ndim == 3:  # a volume at one time
        flat = masks[1].shape[0] // 2
        masks = [mask[flat] for mask in masks]
    kinds = difference(masks[0], masks[1], values, ignore)
    pixels = paint_difference(_background(pair, kinds.shape, plane), kinds)
    step = -(-max(pixels.shape[:2]) // _WIDEST)
    where = {"T": "frame", "Z": "slice"}.get(true.axes[0])
    name = ranked.case + (f", {where} {plane}" if plane is not None else "")
    told = ", ".join(
        f"{key} {value:.3g}{' ' + ranked.unit if ranked.unit else ''}"
        for key, value in ranked.values.items()
    )
    return Picture(f"{name}: {told}", pixels[::step, ::step])


def _worst_plane(found: Segmentation, true: Segmentation, values: list[int], ignore: int) -> int:
    wrong = []
    for index in range(true.labels.shape[0]):
        masks = np.asarray(found.labels[index]), np.asarray(true.labels[index])
        kinds = difference(*masks, values, ignore)
        wrong.append(int(np.count_nonzero((kinds > 0) & (kinds != AGREEMENT))))
    return int(np.argmax(wrong))


def _background(pair: MaskPair, shape: tuple[int, ...], plane: int | None) -> NDArray[np.uint8]:
    """Give the image as a picture; black where there is none that fits."""
    from mambaseg.data import read_image
    from mambaseg.data.window import GreyWindow, read_plane

    black = np.zeros((*shape, 3), np.uint8)
    if pair.image is None:
        return black
    image = read_image(pair.image)
    if image.axes == "CTZYX" or tuple(image.array.shape[-2:]) != shape:
        return black
    if (plane or 0) >= (1 if image.axes == "CYX" else image.array.shape[1]):
        return black
    channels: NDArray[Any] = read_plane(image, plane or 0)
    if channels.shape[0] == 3 and channels.dtype == np.uint8:
        return np.ascontiguousarray(np.moveaxis(channels, 0, -1))
    return np.repeat(GreyWindow.of(image).apply(channels[0])[..., None], 3, axis=2)
