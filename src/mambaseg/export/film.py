"""Overlays as a film."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av

from mambaseg.export.composer import FrameComposer
from mambaseg.export.frames import Progress, reported
from mambaseg.export.gif import choose_palette, write_gif
from mambaseg.export.mp4 import write_mp4
from mambaseg.export.style import OverlayStyle
from mambaseg.files import write_whole
from mambaseg.types import MedicalImage, Segmentation
from mambaseg.types.errors import OutputError, UnsupportedImageError

__all__ = ["export_film"]

_DEFAULT_RATE = 25.0
_SLIDES_RATE = 1.0
_PALETTE_FRAMES = 8
_SLOWEST, _FASTEST = 0.01, 1_000.0


def export_film(
    image: MedicalImage,
    segmentation: Segmentation,
    path: str | os.PathLike[str],
    style: OverlayStyle,
    *,
    frames: Sequence[int] | None = None,
    frame_rate: float | None = None,
    before: Segmentation | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the overlays of a video, or of a volume's slices, as a film.

    Pictures are composed, compressed and forgotten one by one, so that memory
    does not grow with the film.

    Parameters
    ----------
    image : MedicalImage
        Axes "CYX", "CTYX" or "CZYX"; a lazy array is read frame by frame.
    segmentation : Segmentation
        Labels on the image's grid.
    path : path-like
        An ``.mp4`` file (H.264, 4:2:0; odd sizes grow by one edge pixel) or a
        ``.gif`` (256 colours, loops for ever).
    style : OverlayStyle
        How the mask is drawn.
    frames : sequence of int or None
        Frames of a video or z slices of a volume, in this order; None for all.
    frame_rate : float or None
        Frames per second, 0.01 to 1000. None takes the image's mean rate, or 25
        where its times are unknown, divided by the step of `frames` so that the
        pace stays true; 1 where they are no range. GIF players show no frame
        for less than 20 ms: a faster GIF runs at 50 frames per second.
    before : Segmentation or None
        As of `FrameComposer`.
    progress : callable or None
        Called with (done, total) after each frame; what it raises cancels the
        export and leaves nothing behind.

    Returns
    -------
    Path
        The film.

    Raises
    ------
    UnsupportedImageError, InvalidOptionError
        If image, mask, style and frames do not fit together, or `path` has
        another suffix.
    ValueError
        If the frame rate is outside that range.
    OutputError
        If the film cannot be encoded or written.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in (".mp4", ".gif"):
        raise UnsupportedImageError(
            f"Cannot write a film as {target.name}: the name must end in .mp4 or .gif."
        )
    composer = FrameComposer(image, segmentation, style, before)
    chosen = composer.select(frames)
    if frame_rate is None and not isinstance(chosen, range):
        frame_rate = _SLIDES_RATE
    step = chosen.step if isinstance(chosen, range) else 1
    rate = _rate(frame_rate, image.geometry.frame_rate, step)
    pictures = reported(composer.pictures(chosen), len(chosen), progress)
    with write_whole(target) as temporary:
        try:
            if suffix == ".mp4":
                write_mp4(temporary, pictures, composer.size, rate)
            else:
                palette = choose_palette(composer.pictures(_spread(chosen)), composer.size)
                write_gif(temporary, pictures, composer.size, rate, palette)
        except av.error.FFmpegError as error:
            # Those of the file system are OSErrors too, which write_whole explains.
            if isinstance(error, OSError):
                raise
            raise OutputError(
                f"Cannot encode {target.name} ({error.strerror}): try the other film format, "
                "or export single frames."
            ) from error
    return target


def _rate(asked: float | None, recorded: float | None, step: int) -> Fraction:
    """Frames per second as a fraction, so that 29.97... stays 30000/1001."""
    if asked is None:
        asked = min(max((recorded or _DEFAULT_RATE) / abs(step), _SLOWEST), _FASTEST)
    elif not _SLOWEST <= asked <= _FASTEST:
        raise ValueError(f"frame_rate must be from {_SLOWEST} to {_FASTEST:g}; got {asked}.")
    return Fraction(asked).limit_denominator(10_000)


def _spread(frames: Sequence[int]) -> Sequence[int]:
    """Choose a few of these frames, evenly spaced."""
    return frames[:: max(1, len(frames) // _PALETTE_FRAMES)]
