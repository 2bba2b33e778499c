"""One segmentation from the shell: read, segment with a progress bar, write, report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mambaseg.cli.inputs import case_name, read_case
from mambaseg.data import write_segmentation
from mambaseg.data.blanking import blank_note
from mambaseg.export import OverlayStyle, export_film, export_frames
from mambaseg.files import check_writable, write_whole
from mambaseg.inference import Engine, Event, Finished, Options, Progress
from mambaseg.types.errors import InvalidOptionError, OutputError
from mambaseg.types.image import MedicalImage
from mambaseg.types.segmentation import Segmentation
from mambaseg.zoo import load_model

__all__ = ["SegmentationJob"]

_MASK_SUFFIX = {
    "nrrd": "_mask.nrrd",
    "nifti": "_mask.nii.gz",
    "mha": "_mask.mha",
    "tiff": "_mask.tif",
    "png": "_masks",
    "dicom-seg": "_mask.dcm",
}


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
        model_name: str,
        options: Options | None = None,
        channels: Mapping[str, Path] | None = None,
        *,
        resample: bool = False,
    ) -> tuple[MedicalImage, Segmentation, list[Path]]:
        """Segment an image, and write and print all that was asked for.

        Parameters
        ----------
        files : sequence of Path
            One, or one for each channel of the model.
        model_name : str
            As of `load_model`.
        options : Options, optional
        channels : mapping of str to Path, optional
            Files of channels by name.
        resample : bool
            Bring uneven slices to even ones, and channels onto the first one's grid.

        Returns
        -------
        image, segmentation
            What was read and found.
        written : list of Path
            Files and folders of results.

        Raises
        ------
        MambasegError
            If anything cannot be read, does not fit, or cannot be written.
        """
        image = read_case(files, channels or {}, model_name, resample=resample)
        events = Engine(self.device).stream(image, load_model(model_name), options)
        self._check_outputs()
        for note in image.notes:
            print(f"note: {note}")
        segmentation, end = _finish(events)
        stem = case_name([*files, *(channels or {}).values()])
        written = self._write(stem, image, segmentation, options)
        made = segmentation.provenance
        print(
            f"{end.total} {end.unit} in {made.options['seconds']:.1f} s "
            f"({end.per_second:.3g} {end.unit} per second), model {made.model}, "
            f"scan backend {made.options['backend']}, device {made.options['device']}"
        )
        if self.report is not None:
            _write_report(self.report, image, segmentation, written)
            written.append(self.report)
        for path in written:
            print(f"wrote {path}")
        return image, segmentation, written

    def _check_outputs(self) -> None:
        """Refuse places that cannot be written to before any work is done."""
        check_writable(self.output)
        if self.report is not None:
            if self.report.is_dir():
                raise OutputError(f"The report {self.report} is a folder; name a file.")
            check_writable(self.report.parent)

    def _write(
        self, stem: str, image: MedicalImage, segmentation: Segmentation, options: Options | None
    ) -> list[Path]:
        written = []
        for mask in self.masks:
            path = self.output / (stem + _MASK_SUFFIX[mask])
            told = write_segmentation(
                segmentation,
                path,
                folder=mask == "png",
                series=image.source,
                patient=self.patient,
            )
            for lost in told:
                print(f"note: {lost}")
            written.append(path)
        frames = options.frames if options else None
        if self.overlays and self.style.blank_outside and blank_note(image):
            print(f"note: {blank_note(image)}")
        for overlay in self.overlays:
            with _bar(f"overlay {overlay}") as bar:
                progress = _progress_on(bar)
                if overlay == "png":
                    path = self.output / f"{stem}_overlays"
                    export_frames(
                        image, segmentation, path, self.style, frames=frames, progress=progress
                    )
                else:
                    path = self.output / f"{stem}_overlay.{overlay}"
                    export_film(
                        image, segmentation, path, self.style, frames=frames, progress=progress
                    )
            written.append(path)
        return written


def _bar(title: str) -> tqdm[Any]:
    """Make a progress bar, shown on a terminal only."""
    return tqdm(desc=title, unit="frame", disable=None if sys.stderr else True)


def _finish(events: Iterator[Event]) -> tuple[Segmentation, Progress]:
    with _bar("segmenting") as bar:
        last = Progress(0, 0, 0.0)
        for event in events:
            if isinstance(event, Progress):
                last = event
                bar.total, bar.unit = event.total, event.unit.removesuffix("s")
                bar.update(event.done - bar.n)
            elif isinstance(event, Finished):
                return event.segmentation, last
    raise AssertionError("a stream ends with Finished")


def _progress_on(bar: tqdm[Any]) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return progress


def _write_report(
    path: Path, image: MedicalImage, segmentation: Segmentation, written: list[Path]
) -> None:
    record: dict[str, Any] = {
        "format_version": 1,
        "input": {
            "path": image.source,
            "axes": image.axes,
            "shape": list(image.array.shape),
            "notes": list(image.notes),
        },
        **asdict(segmentation.provenance),
        "written": [str(result) for result in written],
    }
    with write_whole(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
