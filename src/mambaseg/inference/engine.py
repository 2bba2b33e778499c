"""The engine: keeps networks ready on a device and segments images with them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from mambaseg.inference.account import Account
from mambaseg.inference.checks import check_shows_something
from mambaseg.inference.devices import resolve_device, scan_backend
from mambaseg.inference.estimating import estimate
from mambaseg.inference.events import CancelToken, Event, Finished
from mambaseg.inference.finishing import finisher_for
from mambaseg.inference.hosting import Hosting
from mambaseg.inference.label_store import keep_labels, new_labels
from mambaseg.inference.ladder import Ladder
from mambaseg.inference.memory import Estimate
from mambaseg.inference.options import Options
from mambaseg.inference.pixel_hash import HashedImage
from mambaseg.inference.plans import Plan, plan_for
from mambaseg.inference.precision import precision_for
from mambaseg.inference.running import Run
from mambaseg.inference.settings import Settings, Stage
from mambaseg.inference.turns import Turns
from mambaseg.types.errors import InvalidOptionError
from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Segmentation
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import check_trained, load_model

__all__ = ["Engine"]

_BATCH = {"cpu": 1}
_OTHER_BATCH = 4


class Engine:
    """Segments images with trained models.

    Models are loaded when they are first used and stay loaded, so that the next
    image starts at once. Safe to use from any thread: one segmentation computes
    at a time, the others wait for it in the order in which they began.

    Parameters
    ----------
    device : str
        "auto" for the fastest, or a device such as "cuda", "cuda:1", "xpu", "mps" or
        "cpu".
    memory_budget : int, optional
        Bytes that the weights of loaded models may take together; beyond it those
        go that were not used for longest. By default half of what is free.

    Raises
    ------
    UnknownNameError
        If there is no such device here.
    """

    def __init__(self, device: str = "auto", memory_budget: int | None = None) -> None:
        self.device = resolve_device(device)
        self._hosting = Hosting(self.device, memory_budget)
        self._turns = Turns()

    @property
    def backend(self) -> str:
        """Name of the selective scan's backend that runs."""
        return scan_backend(self.device)

    @property
    def models(self) -> list[str]:
        """SHA-256 of each model that is loaded, the one used last at the end."""
        return self._hosting.models

    @property
    def waiting(self) -> int:
        """How many segmentations wait for the one that computes."""
        return self._turns.waiting

    def release(self, model: TrainedModel | str | None = None) -> None:
        """Drop a loaded model, given as such or by its SHA-256, and its memory; None: all."""
        self._hosting.release(model.sha256 if isinstance(model, TrainedModel) else model)

    def estimate(
        self,
        image: MedicalImage,
        model: TrainedModel | str | os.PathLike[str],
        options: Options | None = None,
    ) -> Estimate:
        """Say what a segmentation will need and how it will fit; loads the model.

        Parameters and errors are those of `stream`. The image is not read.
        """
        model, options = _checked(model), options or Options()
        plan = plan_for(image, model.recipe, options)
        network = self._hosting.network(model)
        return estimate(plan, model.recipe, network, self._ladder(plan, options))

    def stream(
        self,
        image: MedicalImage,
        model: TrainedModel | str | os.PathLike[str],
        options: Options | None = None,
        *,
        cancel: CancelToken | None = None,
        stages: Sequence[Stage] = (),
    ) -> Iterator[Event]:
        """Segment an image, giving results as they become final.

        What does not fit is refused at once; the work is done while the events
        are asked for.

        Parameters
        ----------
        image : MedicalImage
            An image, video or volume that fits the model. A model for videos takes
            a still image for a clip of one frame; one for pictures takes a video
            frame by frame, and a volume slice by slice where the options say so;
            one for volumes takes a time series of them.
        model : TrainedModel, str or path-like
            A model, its name, or its file. A TrainedModel whose file has changed is
            refused; a name or file stands for what lies there now.
        options : Options, optional
        cancel : CancelToken, optional
            Stops the work ahead of the next clip, frame or window.
        stages : sequence of Stage
            Those of a RunRecord, to compute as that run did.

        Yields
        ------
        Adapted
            Whenever it goes on in another way, as memory does not suffice or bf16
            gave values that are not numbers.
        Chunk
            As soon as some frames, or slices of a volume, are final.
        Progress
            After each chunk, and after each window of a volume.
        Finished
            At the end.

        Raises
        ------
        Cancelled
            If `cancel` asked for it. The chunks until then hold.
        UnknownNameError, IncompatibleWeightsError
            If there is no such model or scan backend, or the model's file is broken,
            has changed, or holds a network that is not trained yet.
        UnsupportedImageError, InvalidOptionError
            If the image or the options do not fit the model.
        MambasegError
            If the network's values are not numbers in float32 either.
        OutOfMemoryError, DeviceLostError, OutputError
            If the device's memory did not suffice, it failed, or the disk did not
            suffice for a long film's labels. The chunks until then hold.
        """
        model, options = _checked(model), options or Options()
        hashed = HashedImage(image, options.frames)
        plan = plan_for(hashed.image, model.recipe, options, with_doubt=True)
        finisher = finisher_for(image, plan, options)
        labels_shape: Any = image.array.shape[1:]
        if image.kind == "image":
            labels_shape = (1, *labels_shape)
        account = Account(hashed, model, options, self.device, self.backend)
        token = cancel or CancelToken()

        def events() -> Iterator[Event]:
            check_shows_something(image)
            labels = new_labels(labels_shape)
            run = Run(
                plan,
                model,
                self._hosting,
                self._ladder(plan, options),
                finisher,
                lambda chunk: keep_labels(labels, chunk),
                token,
                stages,
            )
            with self._turns.turn(token):
                yield from run.events()
            yield account.finished(labels[0] if image.kind == "image" else labels, run)

        self._ladder(plan, options)  # refuses what is not possible at once
        return events()

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

    def _ladder(self, plan: Plan, options: Options) -> Ladder:
        batch = (
            _BATCH.get(self.device.type, _OTHER_BATCH) if options.batch is None else options.batch
        )
        if batch < 1:
            raise InvalidOptionError(f"A batch of {batch} was asked for: choose 1 or more.")
        settings = Settings(
            str(self.device),
            precision_for(self.device, options.precision),
            min(batch, len(plan.finals)) if plan.unit != "windows" else batch,
            plan.window,
        )
        return Ladder(plan, settings, options.precision)


def _checked(model: TrainedModel | str | os.PathLike[str]) -> TrainedModel:
    if not isinstance(model, TrainedModel):
        model = load_model(model)
    check_trained(model)
    return model
