"""What a run says of itself when it is done."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from mambaseg.inference.devices import describe_device
from mambaseg.inference.events import Finished
from mambaseg.inference.options import Options
from mambaseg.inference.pixel_hash import HashedImage
from mambaseg.inference.record import DoubtRecord, InputRecord, OptionsRecord, RunRecord
from mambaseg.inference.running import Run
from mambaseg.types.segmentation import Provenance, Segmentation
from mambaseg.types.trained_model import TrainedModel

__all__ = ["Account"]

_PACKAGES = ("mambaseg", "torch", "numpy", "numba", "scipy")


@dataclass(frozen=True, eq=False)
class Account:
    """What was known of a run when it began.

    Parameters
    ----------
    hashed : HashedImage
    model : TrainedModel
    options : Options
    device : torch.device
    backend : str
    """

    hashed: HashedImage
    model: TrainedModel
    options: Options
    device: torch.device
    backend: str

    def finished(self, labels: Any, run: Run) -> Finished:
        """Give the result of a run that has ended.

        Parameters
        ----------
        labels : array-like of uint8
            As a Segmentation's.
        run : Run
        """
        meter, image = run.plan.meter, self.hashed.image
        doubt = meter.doubt() if meter is not None else None
        if doubt is not None and not np.isfinite(doubt.scores).any():
            doubt = None
        record = self._record(run)
        if doubt is not None:
            record = record.model_copy(update={"doubt": DoubtRecord.of(doubt)})
        segmentation = Segmentation(
            labels,
            image.axes.removeprefix("C"),
            self.model.recipe.label_set,
            image.geometry,
            _provenance(record, run),
        )
        return Finished(segmentation, doubt, record)

    def _record(self, run: Run) -> RunRecord:
        image, settings = self.hashed.image, run.ladder.settings
        seconds = {"stitch": 0.0, **run.stage_seconds, "total": run.seconds}
        beside = {"stitch", "read", "total"} if run.plan.unit != "windows" else {"stitch", "total"}
        known = sum(took for stage, took in seconds.items() if stage not in beside)
        seconds["stitch"] = max(0.0, run.seconds - known)
        return RunRecord(
            model=self.model.name,
            weights_sha256=self.model.sha256,
            recipe=run.plan.recipe,
            input=InputRecord(
                sha256=self.hashed.sha256(),
                axes=image.axes,
                shape=tuple(image.array.shape),
                dtype=str(image.array.dtype),
                spacing_mm=image.geometry.spacing_mm,
                notes=image.notes,
            ),
            options=OptionsRecord.of(self.options),
            versions={
                "python": platform.python_version(),
                **{package: version(package) for package in _PACKAGES},
            },
            device=describe_device(self.device),
            backend=self.backend,
            precision=settings.precision,
            threads=torch.get_num_threads(),
            stages=tuple(run.stages),
            choices=run.choices(),
            adapted=tuple(run.ladder.rungs),
            seconds={stage: round(took, 3) for stage, took in sorted(seconds.items())},
            per_second=round(run.last.total / max(run.seconds, 1e-9), 3),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def _provenance(record: RunRecord, run: Run) -> Provenance:
    """Give the part that goes with the mask, wherever it is saved."""
    return Provenance(
        model=record.model,
        weights_sha256=record.weights_sha256,
        versions=record.versions,
        options={
            "device": record.device,
            "backend": record.backend,
            "precision": record.precision,
            **record.choices,
            "adapted": list(record.adapted),
            "seconds": record.seconds["total"],
            f"{run.plan.unit}_per_second": round(record.per_second, 2),
        },
        created=record.created,
    )
