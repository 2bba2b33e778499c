"""Pictures to a GIF that loops for ever."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from numpy.typing import NDArray

__all__ = ["choose_palette", "write_gif"]

_TICK = Fraction(1, 100)
"""A GIF counts time in hundredths of a second."""

_FASTEST = 50
"""Players slow down a GIF that asks for more frames per second."""


def choose_palette(samples: Iterable[NDArray[np.uint8]], size: tuple[int, int]) -> av.VideoFrame:
    """Choose the 256 colours that fit some pictures best.

    Parameters
    ----------
    samples : iterable of ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.
    size : tuple of int
        Height and width of the pictures.

    Returns
    -------
    av.VideoFrame
        16 x 16 pixels, one for each colour.
    """
    graph = Graph()
    source = _add_source(graph, size, "rgb24")
    generator, sink = graph.add("palettegen"), graph.add("buffersink")
    source.link_to(generator)
    generator.link_to(sink)
    graph.configure()
    for index, picture in enumerate(samples):
        source.push(_frame(picture, index))
    source.push(None)
    return _pull(sink)


def write_gif(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    size: tuple[int, int],
    rate: Fraction,
    palette: av.VideoFrame,
) -> None:
    """Encode pictures one by one with one palette for all, so that colours do not flicker.

    Parameters
    ----------
    path : Path
        The file to write.
    pictures : iterable of ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.
    size : tuple of int
        Height and width of the pictures.
    rate : Fraction
        Frames per second; at most 50 are given.
    palette : av.VideoFrame
        From `choose_palette`.
    """
    rate = min(rate, Fraction(_FASTEST))
    graph = Graph()
    source = _add_source(graph, size, "rgb24")
    colors = _add_source(graph, (palette.height, palette.width), palette.format.name)
    # An ordered dither stands still where the picture does; a diffused one crawls.
    mapper = graph.add("paletteuse", "dither=bayer:bayer_scale=5")
    sink = graph.add("buffersink")
    source.link_to(mapper, 0, 0)
    colors.link_to(mapper, 0, 1)
    mapper.link_to(sink)
    graph.configure()
    colors.push(palette)
    colors.push(None)

    with av.open(str(path), "w", format="gif", options={"loop": "0"}) as film:
        stream = film.add_stream("gif", rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt = "pal8"
        stream.codec_context.time_base = _TICK
        for index, picture in enumerate(pictures):
            source.push(_frame(picture, round(index / rate / _TICK)))
            film.mux(stream.encode(_pull(sink)))
        film.mux(stream.encode())


def _add_source(graph: Graph, size: tuple[int, int], pixels: str) -> FilterContext:
    height, width = size
    return graph.add_buffer(
        width=width, height=height, format=av.VideoFormat(pixels, width, height), time_base=_TICK
    )


def _pull(sink: FilterContext) -> av.VideoFrame:
    frame = sink.pull()
    assert isinstance(frame, av.VideoFrame)  # noqa: S101 - all our graphs hold pictures
    return frame


def _frame(picture: NDArray[np.uint8], ticks: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, "rgb24")
    frame.pts, frame.time_base = ticks, _TICK
    return frame
