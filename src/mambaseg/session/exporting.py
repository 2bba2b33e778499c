"""An export as the panel asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mambaseg.types import MedicalImage, Segmentation

if TYPE_CHECKING:
    from mambaseg.export import OverlayStyle

__all__ = ["ExportRequest", "export"]


@dataclass(frozen=True)
class ExportRequest:
    """What to write and where.

    Parameters
    ----------
    image : MedicalImage
        Axes "CYX", "CTYX" or "CZYX".
    segmentation : Segmentation
        Labels on its grid.
    style : OverlayStyle
        How the mask is drawn.
    path : Path
        ".mp4" or ".gif" for a film; ".png" for one picture; no suffix for a
        folder of one PNG per frame.
    frames : range or None
        Frames of a video or slices of a volume; None for all.
    """

    image: MedicalImage
    segmentation: Segmentation
    style: OverlayStyle
    path: Path
    frames: range | None = None


def export(request: ExportRequest, progress: Callable[[int, int], None]) -> str:
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
    UnsupportedImageError
        If image, mask, frames and kind of file do not fit together.
    """
    from mambaseg.data.blanking import blank_note

    # Codecs are loaded with the first export, in its thread, not when a panel opens.
    from mambaseg.export import export_film, export_frames, export_picture

    image, segmentation, path, style = (
        request.image,
        request.segmentation,
        request.path,
        request.style,
    )
    blank = blank_note(image) if style.blank_outside else ""
    note = f". {blank}" if blank else ""
    if path.suffix.lower() == ".png":
        frame = request.frames.start if request.frames is not None else 0
        export_picture(image, segmentation, path, style, frame=frame)
        return f"Wrote {path}{note}"
    if not path.suffix:
        written = export_frames(
            image, segmentation, path, style, frames=request.frames, progress=progress
        )
        return f"Wrote {len(written)} pictures into {path}{note}"
    export_film(image, segmentation, path, style, frames=request.frames, progress=progress)
    return f"Wrote {path}{note}"
