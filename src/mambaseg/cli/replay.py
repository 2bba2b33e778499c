"""Do a run again, from its record."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mambaseg.types.errors import InvalidOptionError, UnknownNameError

if TYPE_CHECKING:
    from mambaseg.cli.job import SegmentationJob
    from mambaseg.inference.record import RunRecord
    from mambaseg.types.trained_model import TrainedModel

__all__ = ["replay"]


def replay(
    job: SegmentationJob, arguments: argparse.Namespace, channels: Mapping[str, Path]
) -> None:
    """Segment the same image as a record's run did, in the same way.

    Raises
    ------
    MambasegError
        If the record, the model or the image is not what is needed.
    """
    import torch

    from mambaseg.cli.choices import is_anything_chosen
    from mambaseg.inference.replay import check_same_weights, differences, read_record, replayed

    if is_anything_chosen(arguments):
        raise InvalidOptionError(
            "A replay takes every option from its record: leave out all but the files, --model, "
            "--device and what is written, or leave out --replay."
        )
    record = read_record(arguments.replay)
    options = replayed(record)
    model = _model(record, arguments.model)
    check_same_weights(record, model)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(record.threads or threads)
        resample = arguments.resample
        done = job.run(arguments.image, model, options, channels, record=record, resample=resample)
    finally:
        torch.set_num_threads(threads)
    for sentence in differences(record, done.record):
        print(f"warning: {sentence}")


def _model(record: RunRecord, name: str | None) -> TrainedModel:
    from mambaseg.zoo import list_models, load_model

    if name is not None:
        return load_model(name)
    for model in list_models():
        if model.sha256 == record.weights_sha256:
            return model
    raise UnknownNameError(
        f"No model here has the weights of the run ({record.model!r}, SHA-256 "
        f"{record.weights_sha256[:12]}...): name its file with --model."
    )
