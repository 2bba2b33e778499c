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

from mambaseg.data.fitting import as_clip, check_fits
from mambaseg.inference.devices import describe_device, resolve_device, scan_backend
from mambaseg.inference.events import CancelToken, Chunk, Event, Finished, Progress
from mambaseg.inference.label_store import keep_labels, new_labels
from mambaseg.inference.video import predict_video
from mambaseg.types.errors import InvalidOptionError, OutOfMemoryError
from mambaseg.types.image import MedicalImage
from mambaseg.types.recipe import Recipe
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
            A video (CTYX) that fits the model, or a still image (CYX), which is
            taken for a video of one frame.
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
            If there is no such model or scan backend, or the model's file is broken.
        UnsupportedImageError, InvalidOptionError
            If the image or the options do not fit the model.
        OutOfMemoryError, OutputError
            If the device's memory, or the disk for a long film's labels, did
            not suffice.
        """
        options, cancel = options or Options(), cancel or CancelToken()
        if not isinstance(model, TrainedModel):
            model = load_model(model)
        clip = as_clip(image)
        check_fits(clip, model.recipe)
        frames, overlap = _frames(clip, options), _overlap(model.recipe, options)
        job = _Job(image, clip, model, frames, overlap, self.backend)
        return self._run(job, self._network(model), cancel)

    def _run(self, job: _Job, network: nn.Module, cancel: CancelToken) -> Iterator[Event]:
        recipe = job.model.recipe
        labels = new_labels((job.clip.n_frames, *job.clip.array.shape[-2:]))  # type: ignore[arg-type]
        seconds, tick = 0.0, time.perf_counter()
        try:
            for done, final in predict_video(
                job.clip,
                network,
                recipe,
                frames=job.frames,
                clip_overlap=job.overlap,
                device=self.device,
                cancel=cancel,
            ):
                keep_labels(labels, done, final)
                # The time between two requests is the caller's, not ours.
                seconds += time.perf_counter() - tick
                yield Chunk(done.start, done.stop, final)
                yield Progress(done.stop - job.frames.start, len(job.frames), seconds)
                tick = time.perf_counter()
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            raise OutOfMemoryError(
                f"The memory of {describe_device(self.device)} did not suffice for clips of "
                f"{recipe.clip_length} frames of {recipe.spatial_size}. Close other programs, or "
                "use another device."
            ) from error
        still = job.image.kind == "image"
        yield Finished(
            Segmentation(
                labels[0] if still else labels,
                "YX" if still else "TYX",
                recipe.label_set,
                job.image.geometry,
                self._provenance(job, seconds),
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

    def _provenance(self, job: _Job, seconds: float) -> Provenance:
        return Provenance(
            model=job.model.name,
            weights_sha256=job.model.sha256,
            versions={package: version(package) for package in ("mambaseg", "torch", "numpy")},
            options={
                "device": describe_device(self.device),
                "backend": job.backend,
                "precision": "float32",
                "frames": [job.frames.start, job.frames.stop],
                "clip_length": job.model.recipe.clip_length,
                "clip_overlap": job.overlap,
                "seconds": round(seconds, 3),
                "frames_per_second": round(len(job.frames) / seconds, 2),
            },
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )


@dataclass(frozen=True)
class _Job:
    """One segmentation whose parts fit together; `clip` is `image` with a time axis."""

    image: MedicalImage
    clip: MedicalImage
    model: TrainedModel
    frames: range
    overlap: int
    backend: str


def _is_out_of_memory(error: Exception) -> bool:
    # On the CPU torch raises a plain RuntimeError, told by its text alone.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error) for words in ("allocate memory", "out of memory")
    )


def _overlap(recipe: Recipe, options: Options) -> int:
    overlap = recipe.clip_overlap if options.clip_overlap is None else options.clip_overlap
    if not 0 <= overlap < recipe.clip_length:
        raise InvalidOptionError(
            f"A clip overlap of {overlap} frames does not fit clips of {recipe.clip_length}: "
            f"choose 0 to {recipe.clip_length - 1}."
        )
    return overlap


def _frames(image: MedicalImage, options: Options) -> range:
    whole = range(image.n_frames)
    frames = options.frames if options.frames is not None else whole
    if not len(frames) or frames.step != 1 or frames.start < 0 or frames.stop > len(whole):
        raise InvalidOptionError(
            f"Frames {frames.start} to {frames.stop - 1} were asked for, but "
            f"{image.source or 'the image'} has the frames 0 to {len(whole) - 1}: choose from them."
        )
    return frames
