"""One segmentation from the shell: read, segment with a progress bar, write, report."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mambaseg.cli.inputs import case_name, read_case
from mambaseg.cli.progress import bar_of, progress_on
from mambaseg.data import write_segmentation
from mambaseg.data.blanking import blank_note
from mambaseg.data.dicom_seg import series_for_seg
from mambaseg.export import OverlayStyle, export_film, export_frames
from mambaseg.files import check_writable, check_writable_file, write_whole
from mambaseg.inference import (
    Adapted,
    Doubt,
    Engine,
    Event,
    Finished,
    Options,
    Progress,
    RunRecord,
    available_devices,
)
from mambaseg.inference.replay import check_same_input
from mambaseg.types.errors import InvalidOptionError, MambasegError, OutputError
from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Segmentation
from mambaseg.types.trained_model import TrainedModel

__all__ = ["Done", "SegmentationJob"]

_MASK_SUFFIX = {
    "nrrd": "_mask.nrrd",
    "nifti": "_mask.nii.gz",
    "mha": "_mask.mha",
    "tiff": "_mask.tif",
    "png": "_masks",
    "dicom-seg": "_mask.dcm",
}
_LOOK_AT = 3


@dataclass(frozen=True, eq=False)
class Done:
    """What came of a job.

    Parameters
    ----------
    image : MedicalImage
        As read.
    segmentation : Segmentation
    record : RunRecord
    written : list of Path
        Files and folders of results.
    """

    image: MedicalImage
    segmentation: Segmentation
    record: RunRecord
    written: list[Path]


@dataclass(frozen=True)
class SegmentationJob:
    """Where and in what form results go, and the device that computes them."""

    output: Path
    masks: Sequence[str]
    overlays: Sequence[str]
    style: OverlayStyle
    device: str
    report: Path | None
    patient: bool

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> SegmentationJob:
        """Take what `add_output_arguments` parsed.

        Raises
        ------
        InvalidOptionError
            If the overlay's style is not possible.
        """
        try:
            style = OverlayStyle(
                mode=arguments.style,
                opacity=arguments.opacity,
                legend=not arguments.no_legend,
                blank_outside=not arguments.keep_surroundings,
                scale=arguments.scale,
            )
        except ValueError as error:
            raise InvalidOptionError(f"The overlay's style is not possible: {error}") from error
        return cls(
            output=arguments.output,
            masks=arguments.masks,
            overlays=arguments.overlay,
            style=style,
            device=arguments.device,
            report=arguments.report,
            patient=arguments.patient,
        )

    def run(
        self,
        files: Sequence[Path],
        model: TrainedModel,
        options: Options | None = None,
        channels: Mapping[str, Path] | None = None,
        *,
        record: RunRecord | None = None,
        resample: bool = False,
    ) -> Done:
        """Segment an image, and write and print all that was asked for.

        Parameters
        ----------
        files : sequence of Path
            One, or one for each channel of the model.
        model : TrainedModel
        options : Options, optional
        channels : mapping of str to Path, optional
            Files of channels by name.
        record : RunRecord, optional
            Of a run that is done again: on the same image, with the same settings.
        resample : bool
            Bring uneven slices to even ones, and channels onto the first one's grid.

        Raises
        ------
        MambasegError
            If anything cannot be read, does not fit, or cannot be written.
        """
        image = read_case(files, channels or {}, model.recipe.channels, resample=resample)
        device = self.device
        if record is not None:
            check_same_input(record, image)
            device = _device_of(record, device)
        stages = record.stages if record is not None else ()
        events = Engine(device).stream(image, model, options, stages=stages)
        stem = case_name([*files, *(channels or {}).values()])
        self._check_outputs(image, stem)
        earlier = set(self.output.iterdir())
        for note in image.notes:
            print(f"note: {note}")
        finished, end = _finish(events)
        segmentation, made = finished.segmentation, finished.record
        written, failed = self._write(stem, image, segmentation, options)
        print(
            f"{end.total} {end.unit} in {made.seconds['total']:.1f} s "
            f"({end.per_second:.3g} {end.unit} per second), model {made.model}, "
            f"scan backend {made.backend}, device {made.device}"
        )
        if finished.doubt is not None and len(finished.doubt.scores) > 1:
            print(_advice(finished.doubt))
        if self.report is not None:
            with write_whole(self.report) as temporary:
                temporary.write_text(made.model_dump_json(indent=2) + "\n", encoding="utf-8")
            written.append(self.report)
        for path in written:
            print(f"wrote {path}" + (", in place of an earlier one" if path in earlier else ""))
        if failed:
            raise OutputError(" ".join(map(str, failed)))
        return Done(image, segmentation, made, written)

    def _check_outputs(self, image: MedicalImage, stem: str) -> None:
        """Refuse what cannot be written before any work is done."""
        if "dicom-seg" in self.masks:
            path = self.output / (stem + _MASK_SUFFIX["dicom-seg"])
            axes, shape = image.axes.removeprefix("C"), image.array.shape[1:]
            series_for_seg(axes, shape, image.geometry, path, image.source)
        check_writable(self.output)
        if self.report is not None:
            check_writable_file(self.report)

    def _write(
        self, stem: str, image: MedicalImage, segmentation: Segmentation, options: Options | None
    ) -> tuple[list[Path], list[MambasegError]]:
        """Write all that can be written; tells what was, and why other things could not be."""
        if self.overlays and self.style.blank_outside and blank_note(image):
            print(f"note: {blank_note(image)}")
        written, failed = [], []
        tasks = [
            partial(self._write_mask, kind, stem, image, segmentation)
            for kind in dict.fromkeys(self.masks)
        ]
        frames = options.frames if options else None
        tasks += [
            partial(self._write_overlay, kind, stem, image, segmentation, frames)
            for kind in dict.fromkeys(self.overlays)
        ]
        for task in tasks:
            try:
                written.append(task())
            except MambasegError as error:
                failed.append(error)
        return written, failed

    def _write_mask(
        self, kind: str, stem: str, image: MedicalImage, segmentation: Segmentation
    ) -> Path:
        path = self.output / (stem + _MASK_SUFFIX[kind])
        told = write_segmentation(
            segmentation, path, folder=kind == "png", series=image.source, patient=self.patient
        )
        for lost in told:
            print(f"note: {lost}")
        return path

    def _write_overlay(
        self,
        kind: str,
        stem: str,
        image: MedicalImage,
        segmentation: Segmentation,
        frames: range | None,
    ) -> Path:
        path = self.output / (stem + ("_overlays" if kind == "png" else f"_overlay.{kind}"))
        write = export_frames if kind == "png" else export_film
        with bar_of(f"overlay {kind}") as bar:
            write(image, segmentation, path, self.style, frames=frames, progress=progress_on(bar))
        return path


def _device_of(record: RunRecord, wanted: str) -> str:
    """Give the device of a run that is done again, if there is one and no other is wanted."""
    first = next((stage.settings.device for stage in record.stages), wanted)
    return first if wanted == "auto" and first.partition(":")[0] in _kinds_of_device() else wanted


def _kinds_of_device() -> set[str]:
    return {name.partition(":")[0] for name in available_devices()}


def _finish(events: Iterator[Event]) -> tuple[Finished, Progress]:
    with bar_of("segmenting") as bar:
        last = Progress(0, 0, 0.0)
        for event in events:
            if isinstance(event, Progress):
                last = event
                bar.total, bar.unit = event.total, event.unit.removesuffix("s")
                bar.update(event.done - bar.n)
            elif isinstance(event, Adapted):
                bar.write(f"note: {event.text}")
            elif isinstance(event, Finished):
                return event, last
    raise AssertionError("a stream ends with Finished")


def _advice(doubt: Doubt) -> str:
    worst = doubt.ranked(_LOOK_AT)
    return f"look first at {doubt.unit} {', '.join(map(str, worst))}, which are most in doubt"
