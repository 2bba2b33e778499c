"""Pictures to an H.264 film that every player plays."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from mambaseg.types.errors import OutputError

__all__ = ["write_mp4"]

_CODEC: Final = "libx264"
_OPTIONS: Final = {
    "crf": "18",
    "preset": "medium",
    # On CPUs with AVX-512 it reads memory that was never written: no two films are alike.
    "mbtree": "0",
}
_BT709 = 1
"""The standard's number for these primaries, transfer and matrix."""


def write_mp4(
    path: Path, pictures: Iterable[NDArray[np.uint8]], size: tuple[int, int], rate: Fraction
) -> None:
    """Encode pictures one by one.

    Parameters
    ----------
    path : Path
        The file to write.
    pictures : iterable of ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.
    size : tuple of int
        Height and width of the pictures; 4:2:0 needs even ones, so odd ones
        grow by one edge pixel.
    rate : Fraction
        Frames per second.

    Raises
    ------
    OutputError
        If this PyAV was built without the encoder.
    """
    if _CODEC not in av.codecs_available:
        raise OutputError(
            f"This PyAV has no H.264 encoder ({_CODEC}): write a .gif instead, or install "
            "PyAV's own wheel with `pip install --force-reinstall --only-binary av av`."
        )
    height, width = size
    padding = ((0, height % 2), (0, width % 2), (0, 0))
    # The index in front of the data lets players begin before all is loaded.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as film:
        stream = film.add_stream(_CODEC, rate=rate, options=_OPTIONS)
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        # Several threads share a frame's bits by how fast each happens to be: no two films alike.
        context.thread_count = 1
        # Without these marks players guess the colour matrix by the picture's size.
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = ColorRange.MPEG
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.pad(picture, padding, mode="edge"), "rgb24")
            film.mux(
                stream.encode(
                    frame.reformat(
                        format="yuv420p",
                        dst_colorspace=Colorspace.ITU709,
                        dst_color_range=ColorRange.MPEG,
                    )
                )
            )
        film.mux(stream.encode())
