"""An export as the panel and the shell ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mambaseg.session.frame_choice import FrameChoice, choose_frames
from mambaseg.types import MedicalImage, Segmentation
from mambaseg.types.errors import UnsupportedImageError

if TYPE_CHECKING:
    from mambaseg.export import ExportPreset, FrameComposer
    from mambaseg.inference.record import DoubtRecord

__all__ = ["ExportRequest", "export"]

Progress = Callable[[int, int], None]
Pictures = Iterable[NDArray[np.uint8]]

_FILES = (".tif", ".tiff", ".dcm")
_FORMATS = ".mp4, .gif, .png, .tif, .dcm, or no suffix for a folder of PNG pictures"


@dataclass(frozen=True)
class ExportRequest:
    """What to write and where.

    Parameters
    ----------
    image : MedicalImage
        Axes "CYX", "CTYX" or "CZYX".
    segmentation : Segmentation
        Labels on its grid.
    preset : ExportPreset
        How it is drawn, and on which frames.
    path : Path
        ".mp4" or ".gif" for a film; ".png" for one picture; ".tif" for pages;
        ".dcm" for Secondary Capture; no suffix for a folder of one PNG per
        frame.
    frames : range or None
        The frames of a video or slices of a volume among which `preset`
        chooses; None: all of them.
    before : Segmentation or None
        The earlier mask, for before and after.
    reference : Segmentation or None
        The true mask, by which the worst frames are told.
    doubt : DoubtRecord or None
        By which they are told without a reference.
    origin : str
        File or folder that the image was read from, of whose study a Secondary
        Capture becomes part; "" where that is not known.
    patient : bool
        Name the patient in a Secondary Capture as that file does.
    """

    image: MedicalImage
    segmentation: Segmentation
    preset: ExportPreset
    path: Path
    frames: range | None = None
    before: Segmentation | None = None
    reference: Segmentation | None = None
    doubt: DoubtRecord | None = None
    origin: str = ""
    patient: bool = False


def export(request: ExportRequest, progress: Progress) -> str:
    """Write an export, whole or not at all.

    Parameters
    ----------
    request : ExportRequest
        What to write.
    progress : callable
        Told (done, total) after each frame; what it raises cancels the export.

    Returns
    -------
    str
        What was written, and what was left out of it, in words.

    Raises
    ------
    OutputError
        If it cannot be written.
    UnsupportedImageError, InvalidOptionError
        If image, masks, frames and kind of file do not fit together.
    """
    # Codecs are loaded with the first export, in its thread, not when a panel opens.
    from mambaseg.export import FrameComposer

    composer = FrameComposer(
        request.image, request.segmentation, request.preset.style, request.before
    )
    among = request.frames if request.frames is not None else range(composer.n_frames)
    composer.select(among)
    choice = choose_frames(
        request.preset,
        among,
        request.segmentation,
        request.reference,
        request.doubt,
        lambda: progress(0, len(among)),
    )
    write = _write_sheet if request.preset.sheet else _write_frames
    notes = [*write(request, composer, choice, progress), *_notes(request, composer)]
    return " ".join([f"Wrote {request.path}.", *notes])


def _write_frames(
    request: ExportRequest, composer: FrameComposer, choice: FrameChoice, progress: Progress
) -> list[str]:
    from mambaseg.export import export_film, export_frames
    from mambaseg.export.frames import reported, write_png

    path, frames, suffix = request.path, choice.frames, request.path.suffix.lower()
    if suffix == ".png":
        if len(frames) > 1:
            raise UnsupportedImageError(
                f"{path.name} is one picture, and {len(frames)} frames are chosen: choose one "
                "frame or a contact sheet, or name a folder for a picture of each."
            )
        write_png(path, composer.compose(frames[0]))
        return []
    if suffix in _FILES:
        pictures = reported(composer.pictures(frames), len(frames), progress)
        return _write_file(request, pictures, frames, composer.size)
    if suffix not in (".mp4", ".gif", ""):
        raise UnsupportedImageError(f"Cannot write {path.name}: choose {_FORMATS}.")
    write = export_film if suffix else export_frames
    write(
        request.image,
        request.segmentation,
        path,
        request.preset.style,
        frames=frames,
        before=request.before,
        progress=progress,
    )
    return [] if suffix else [f"It holds {len(frames)} pictures."]


def _write_sheet(
    request: ExportRequest, composer: FrameComposer, choice: FrameChoice, progress: Progress
) -> list[str]:
    from mambaseg.export.frames import write_png
    from mambaseg.export.sheet import contact_sheet

    path, suffix = request.path, request.path.suffix.lower()
    if suffix not in (".png", *_FILES):
        raise UnsupportedImageError(
            f"{path.name} is no picture, and a contact sheet is one: the name must end in .png, "
            ".tif or .dcm."
        )
    captions = choice.captions("slice" if request.image.kind == "volume" else "frame")
    sheet = contact_sheet(
        request.image,
        request.segmentation,
        request.preset.style,
        captions,
        before=request.before,
        progress=progress,
    )
    if suffix == ".png":
        write_png(path, sheet)
        return []
    return _write_file(request, [sheet], range(1), (sheet.shape[0], sheet.shape[1]))


def _write_file(
    request: ExportRequest, pictures: Pictures, frames: Sequence[int], size: tuple[int, int]
) -> list[str]:
    """Write TIFF or DICOM; gives what the user should know of it."""
    from mambaseg.data.dicom_origin import origin_header
    from mambaseg.export.capture import CaptureAbout, write_capture
    from mambaseg.export.pages import write_pages

    geometry, scale = request.image.geometry, request.preset.style.scale
    pixel_mm = None
    if geometry.spacing_mm is not None:
        pixel_mm = (geometry.spacing_mm[-2] / scale, geometry.spacing_mm[-1] / scale)
    if request.path.suffix.lower() != ".dcm":
        write_pages(request.path, pictures, len(frames), size, pixel_mm)
        return []
    header = origin_header(request.origin) if request.origin else None
    frame_time_ms = None
    if isinstance(frames, range) and geometry.frame_rate is not None:
        frame_time_ms = 1000 * frames.step / geometry.frame_rate
    about = CaptureAbout(
        header,
        request.patient,
        frames,
        frame_time_ms,
        pixel_mm,
        burned_in=_may_name(request),
    )
    write_capture(request.path, pictures, len(frames), size, about)
    if header is None:
        return ["The image is no DICOM, so that the file belongs to no study."]
    if not request.patient:
        return ["It names no patient, so archives will not file it beside its series."]
    return []


def _may_name(request: ExportRequest) -> bool:
    """Whether text about the patient may stand in the picture, as far as can be told."""
    image = request.image
    outside = image.region not in (None, (0, 0, *image.array.shape[-2:]))
    if outside and request.preset.style.blank_outside:
        return False
    return image.header.get("BurnedInAnnotation") != "NO"


def _notes(request: ExportRequest, composer: FrameComposer) -> list[str]:
    """Say what was asked for and left out."""
    from mambaseg.data.blanking import blank_note

    style, geometry = request.preset.style, request.image.geometry
    notes = [blank_note(request.image)] if style.blank_outside else []
    if style.scale_bar and composer.scale_bar_mm is None:
        why = "the spacing is not known" if geometry.spacing_mm is None else "there is no room"
        notes.append(f"No scale bar was drawn, as {why}.")
    if style.time_stamp and geometry.frame_times_s is None:
        notes.append("No time was written, as the frame rate is not known.")
    return [note for note in notes if note]
