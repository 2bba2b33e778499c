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

from mambaseg.data.preprocessing import check_fits
from mambaseg.inference.devices import describe_device, resolve_device
from mambaseg.inference.events import CancelToken, Chunk, Event, Finished, Progress
from mambaseg.inference.label_store import new_labels
from mambaseg.inference.video import predict_video
from mambaseg.ops import available_backends
from mambaseg.types.errors import OutOfMemoryError, UnsupportedImageError
from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Provenance, Segmentation
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import load_model, load_network

__all__ = ["Engine", "Options"]


@dataclass(frozen=True)
class Options:
    """Choices for one segmentation.

    Parameters
    ----------
    frames : range or None
        Consecutive frames to segment; the others stay background. None: all.
    clip_overlap : int or None
        Frames that successive clips share; None: the Recipe's.
    """

    frames: range | None = None
    clip_overlap: int | None = None


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
        return available_backends()[0]

    @property
    def models(self) -> list[str]:
        """SHA-256 of each model that is loaded."""
        return [self._warm[0]] if self._warm else []

    def release(self) -> None:
        """Drop the loaded model and its memory."""
        self._warm = None

    def _network(self, model: TrainedModel) -> nn.Module:
        with self._loading:
            if self._warm is None or self._warm[0] != model.sha256:
                self._warm = None  # let go of the old one's memory first
                self._warm = (model.sha256, load_network(model).to(self.device))
            return self._warm[1]

    def stream(
        self,
        image: MedicalImage,
        model: TrainedModel | str | os.PathLike[str],
        options: Options | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> Iterator[Event]:
        """Segment an image, giving results as they become final.

        Parameters
        ----------
        image : MedicalImage
            A video (CTYX) that fits the model.
        model : TrainedModel, str or path-like
            A model, its name, or its file.
        options : Options, optional
        cancel : CancelToken, optional
            Stops the work ahead of the next clip.

        Yields
        ------
        Chunk, then Progress
            As soon as some frames are final.
        Finished
            At the end.

        Raises
        ------
        Cancelled
            If `cancel` asked for it. The chunks until then hold.
        UnknownNameError, IncompatibleWeightsError
            If there is no such model, or its file is broken.
        UnsupportedImageError
            If the image does not fit the model.
        OutOfMemoryError
            If the device's memory did not suffice.
        """
        options, cancel = options or Options(), cancel or CancelToken()
        if not isinstance(model, TrainedModel):
            model = load_model(model)
        recipe = model.recipe
        check_fits(image, recipe)
        frames = _frames(image, options)
        overlap = recipe.clip_overlap if options.clip_overlap is None else options.clip_overlap
        if not 0 <= overlap < recipe.clip_length:
            raise UnsupportedImageError(
                f"A clip overlap of {overlap} frames does not fit clips of {recipe.clip_length}: "
                f"choose 0 to {recipe.clip_length - 1}."
            )
        start = time.perf_counter()
        labels = new_labels((image.n_frames, *image.spatial_shape[-2:]))  # type: ignore[arg-type]
        try:
            network = self._network(model)
            for done, final in predict_video(
                image,
                network,
                recipe,
                frames=frames,
                clip_overlap=overlap,
                device=self.device,
                cancel=cancel,
            ):
                labels[done.start : done.stop] = final
                yield Chunk(done.start, done.stop, final)
                seconds = time.perf_counter() - start
                yield Progress(done.stop - frames.start, len(frames), seconds)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            raise OutOfMemoryError(
                f"The memory of {describe_device(self.device)} did not suffice for clips of "
                f"{recipe.clip_length} frames of {recipe.spatial_size}. Close other programs, or "
                "use another device."
            ) from error
        yield Finished(
            Segmentation(
                labels,
                "TYX",
                recipe.label_set,
                image.geometry,
                self._provenance(model, frames, overlap, time.perf_counter() - start),
            )
        )

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

    def _provenance(
        self, model: TrainedModel, frames: range, overlap: int, seconds: float
    ) -> Provenance:
        return Provenance(
            model=model.name,
            weights_sha256=model.sha256,
            versions={package: version(package) for package in ("mambaseg", "torch", "numpy")},
            options={
                "device": describe_device(self.device),
                "backend": self.backend,
                "precision": "float32",
                "frames": [frames.start, frames.stop],
                "clip_length": model.recipe.clip_length,
                "clip_overlap": overlap,
                "seconds": round(seconds, 3),
                "frames_per_second": round(len(frames) / seconds, 2),
            },
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def _is_out_of_memory(error: Exception) -> bool:
    # On the CPU torch raises a plain RuntimeError, told by its text alone.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error) for words in ("allocate memory", "out of memory")
    )


def _frames(image: MedicalImage, options: Options) -> range:
    whole = range(image.n_frames)
    frames = options.frames if options.frames is not None else whole
    if not len(frames) or frames.step != 1 or frames.start < 0 or frames.stop > len(whole):
        raise UnsupportedImageError(
            f"Frames {frames.start} to {frames.stop - 1} were asked for, but "
            f"{image.source or 'the image'} has the frames 0 to {len(whole) - 1}: choose from them."
        )
    return frames
