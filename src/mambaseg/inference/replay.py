"""Doing a run again from its record."""

from __future__ import annotations

import json
from pathlib import Path

from mambaseg.inference.options import Options
from mambaseg.inference.pixel_hash import pixels_sha256
from mambaseg.inference.record import RunRecord
from mambaseg.types.errors import IncompatibleWeightsError, InvalidConfigError, InvalidOptionError
from mambaseg.types.image import MedicalImage
from mambaseg.types.trained_model import TrainedModel

__all__ = ["check_same_input", "check_same_weights", "differences", "read_record", "replayed"]


def read_record(path: Path) -> RunRecord:
    """Read the record of a run.

    Raises
    ------
    InvalidConfigError
        If the file is missing, no record, of a newer version, or of one that says
        too little for a replay.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidConfigError(
            f"The record {path} cannot be read: {error.strerror or error}. Name a file that "
            "`mambaseg segment --report` wrote."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidConfigError(
            f"{path} is no record of a run, but something other than JSON: name a file that "
            "`mambaseg segment --report` wrote."
        ) from error
    if isinstance(content, dict) and content.get("format_version") == 1:
        raise InvalidConfigError(
            f"The record {path} was written by an earlier mambaseg, whose records say too little "
            "to do a run again: segment once more with --report."
        )
    return RunRecord.parse(content, str(path))


def replayed(record: RunRecord) -> Options:
    """Give the Options of a run.

    Raises
    ------
    InvalidConfigError
        If the record does not hold its Recipe.
    """
    if record.recipe is None or record.input is None:
        raise InvalidConfigError(
            "The record says neither Recipe nor input, so the run cannot be done again: segment "
            "once more with --report."
        )
    return record.options.options(record.recipe)


def check_same_weights(record: RunRecord, model: TrainedModel) -> None:
    """Refuse a model other than the record's.

    Raises
    ------
    IncompatibleWeightsError
        If its file's SHA-256 is another.
    """
    if model.sha256 != record.weights_sha256:
        raise IncompatibleWeightsError(
            f"{model.path} has the SHA-256 {model.sha256[:12]}..., but the run was made with "
            f"{record.model!r}, {record.weights_sha256[:12]}...: name that model's file with "
            "--model, or segment without --replay."
        )


def check_same_input(record: RunRecord, image: MedicalImage) -> None:
    """Refuse an image other than the record's; its pixels are read for that.

    Raises
    ------
    InvalidOptionError
        If its shape or the SHA-256 of its pixels is another.
    """
    made = record.input
    what = image.source or "The image"
    if made is None:
        return
    if (image.axes, tuple(image.array.shape)) != (made.axes, made.shape):
        raise InvalidOptionError(
            f"{what} has the axes {image.axes} and shape {tuple(image.array.shape)}, but the run "
            f"was made of {made.axes} and {made.shape}: name that file, or segment without "
            "--replay."
        )
    found = pixels_sha256(image, record.options.frame_range)
    if found != made.sha256:
        raise InvalidOptionError(
            f"{what} has other pixels (SHA-256 {found[:12]}...) than the run's input "
            f"({made.sha256[:12]}...): name that file, or segment without --replay."
        )


def differences(record: RunRecord, now: RunRecord) -> list[str]:
    """Say what may make a replay's labels differ from the run's.

    Parameters
    ----------
    record, now : RunRecord
        Of the run, and of the replay.

    Returns
    -------
    list of str
        One sentence for each version, device, backend, precision or number of
        threads that is another.
    """
    pairs = [
        ("device", record.device, now.device),
        ("scan backend", record.backend, now.backend),
        ("precision", record.precision, now.precision),
        ("number of threads", record.threads, now.threads),
        *(
            (f"version of {name}", record.versions.get(name), now.versions.get(name))
            for name in sorted({*record.versions, *now.versions})
        ),
    ]
    return [
        f"The {what} was {before}, and is {after} now: labels may differ."
        for what, before, after in pairs
        if before != after
    ]
