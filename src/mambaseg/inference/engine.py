"""The engine: keeps a network ready on a device and segments images with it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import torch
from torch import nn

from mambaseg.inference.devices import describe_device, resolve_device, scan_backend
from mambaseg.inference.events import CancelToken, Event, Finished, Progress
from mambaseg.inference.label_store import keep_labels, new_labels
from mambaseg.inference.options import Options
from mambaseg.inference.plans import Plan, plan_for
from mambaseg.inference.record import RunRecord
from mambaseg.types.errors import OutOfMemoryError
from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Provenance, Segmentation
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import check_trained, load_model, load_network

__all__ = ["Engine"]


class Engine:
    """Segments images with trained models.

    The model that was used last stays loaded, so that the next image starts at once.

    Parameters
    ----------
    device : str
        "auto" for the fastest, or a device such as "cuda", "cuda:1", "mps" or "cpu".

    Raises
    ------
    UnknownNameError
        If there is no such device here.
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = resolve_device(device)
        self._warm: tuple[str, nn.Module] | None = None
        self._loading = threading.Lock()

    @property
    def backend(self) -> str:
        """Name of the selective scan's backend that runs."""
        return scan_backend(self.device)

    @property
    def models(self) -> list[str]:
        """SHA-256 of each model that is loaded."""
        return [self._warm[0]] if self._warm else []

    def release(self) -> None:
        """Drop the loaded model and its memory."""
        with self._loading:
            self._warm = None

    def _network(self, model: TrainedModel) -> nn.Module:
        with self._loading:
            if self._warm is not None and self._warm[0] == model.sha256:
                return self._warm[1]
            self._warm = None  # let go of the old one's memory first
            network = load_network(model).to(self.device)
            self._warm = (model.sha256, network)
            return network

    def stream(
        self,
        image: MedicalImage,
        model: TrainedModel | str | os.PathLike[str],
        options: Options | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> Iterator[Event]:
        """Segment an image, giving results as they become final.

        What does not fit is refused at once; the work is done while the events
        are asked for.

        Parameters
        ----------
        image : MedicalImage
            An image, video or volume that fits the model. A model for videos takes
            a still image for a clip of one frame; one for pictures takes a video
            frame by frame, and a volume slice by slice where the options say so.
        model : TrainedModel, str or path-like
            A model, its name, or its file.
        options : Options, optional
        cancel : CancelToken, optional
            Stops the work ahead of the next clip, frame or window.

        Yields
        ------
        Chunk
            As soon as some frames, or the labels of a volume, are final.
        Progress
            After each chunk, and after each window of a volume.
        Finished
            At the end.

        Raises
        ------
        Cancelled
            If `cancel` asked for it. The chunks until then hold.
        UnknownNameError, IncompatibleWeightsError
            If there is no such model or scan backend, or the model's file is broken
            or holds a network that is not trained yet.
        UnsupportedImageError, InvalidOptionError
            If the image or the options do not fit the model.
        OutOfMemoryError, OutputError
            If the device's memory, or the disk for a long film's labels, did
            not suffice.
        """
        if not isinstance(model, TrainedModel):
            model = load_model(model)
        check_trained(model)
        plan = plan_for(image, model.recipe, options or Options())
        job = _Job(image, model, plan, self.backend)
        return self._run(job, self._network(model), cancel or CancelToken())

    def _run(self, job: _Job, network: nn.Module, cancel: CancelToken) -> Iterator[Event]:
        seconds, tick = 0.0, time.perf_counter()
        labels = new_labels(job.labels_shape)
        plan = job.plan
        try:
            for step in plan.steps(network, self.device, cancel):
                if step.final is not None:
                    keep_labels(labels, range(step.final.start, step.final.stop), step.final.labels)
                # The time between two requests is the caller's, not ours.
                seconds += time.perf_counter() - tick
                if step.final is not None:
                    yield step.final
                yield Progress(step.done, plan.total, seconds, plan.unit)
                tick = time.perf_counter()
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            raise OutOfMemoryError(
                f"The memory of {describe_device(self.device)} did not suffice for "
                f"{plan.seen_at_once}. Close other programs, or use another device."
            ) from error
        still = job.image.kind == "image"
        record = self._record(job, seconds)
        segmentation = Segmentation(
            labels[0] if still else labels,
            job.image.axes.removeprefix("C"),
            job.model.recipe.label_set,
            job.image.geometry,
            _provenance(record, job.plan),
        )
        yield Finished(segmentation, None, record)

    def segment(
        self,
        image: MedicalImage,
        model: TrainedModel | str | os.PathLike[str],
        options: Options | None = None,
    ) -> Segmentation:
        """Segment an image and give the whole result; arguments and errors as of `stream`."""
        for event in self.stream(image, model, options):
            if isinstance(event, Finished):
                return event.segmentation
        raise AssertionError("a stream ends with Finished")

    def _record(self, job: _Job, seconds: float) -> RunRecord:
        return RunRecord(
            model=job.model.name,
            weights_sha256=job.model.sha256,
            versions={package: version(package) for package in ("mambaseg", "torch", "numpy")},
            device=describe_device(self.device),
            backend=job.backend,
            precision="float32",
            choices=job.plan.choices,
            seconds={"total": round(seconds, 3)},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )


@dataclass(frozen=True)
class _Job:
    """One segmentation whose parts fit together."""

    image: MedicalImage
    model: TrainedModel
    plan: Plan
    backend: str

    @property
    def labels_shape(self) -> tuple[int, int, int]:
        """(T, Y, X) or (Z, Y, X); a still image has one frame."""
        n, y, x = (1, *self.image.array.shape[1:])[-3:]
        return n, y, x


def _provenance(record: RunRecord, plan: Plan) -> Provenance:
    seconds = record.seconds["total"]
    return Provenance(
        model=record.model,
        weights_sha256=record.weights_sha256,
        versions=record.versions,
        options={
            "device": record.device,
            "backend": record.backend,
            "precision": record.precision,
            **record.choices,
            "seconds": seconds,
            f"{plan.unit}_per_second": round(plan.total / max(seconds, 1e-9), 2),
        },
        created=record.created,
    )


def _is_out_of_memory(error: Exception) -> bool:
    # On the CPU torch raises a plain RuntimeError, told by its text alone.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error) for words in ("allocate memory", "out of memory")
    )
