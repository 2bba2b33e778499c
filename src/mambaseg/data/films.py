"""Films: mp4, avi, mpeg, mov, mkv, gif and what else FFmpeg decodes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from mambaseg.data.film_index import FilmIndex, index_film
from mambaseg.data.film_stream import decode, decode_from_key, open_film
from mambaseg.data.frame_array import FrameArray
from mambaseg.types.errors import UnreadableImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.image import MedicalImage

__all__ = ["FilmArray", "read_film"]

_KEPT_BEFORE = 8
"""Frames before a wanted one that are kept too, for steps back; turning them to RGB takes time."""


@dataclass
class _Decoder:
    """Where one thread's decoding stands: the frames to come, and the number of the next."""

    container: InputContainer | None = None
    run: Iterator[tuple[int, VideoFrame]] = field(default_factory=lambda: iter(()))
    next: int | None = None


class FilmArray(FrameArray):
    """The frames of a film, decoded when they are indexed; axes "CTYX", uint8 RGB.

    Each thread that reads it decodes on its own, so that a viewer and a run of
    a network do not send one decoder to and fro; they share the frames.

    Frames that follow each other are decoded in one run. Any other is reached
    from the key frame before it, and is then the same to the last bit; or from
    the start where a film has no stamps to find its key frames by, as MPEG-1 and
    MPEG-2 program streams and H.264 in AVI.

    Parameters
    ----------
    path : Path
        The film.
    index : FilmIndex
        Its frames.
    height, width : int
        Size of a frame after the quarter turns.
    quarter_turns : int
        How often frames are to be turned by 90 degrees counter-clockwise.
    """

    def __init__(
        self, path: Path, index: FilmIndex, height: int, width: int, quarter_turns: int = 0
    ) -> None:
        super().__init__((3, index.n_frames, height, width), np.dtype(np.uint8))
        self._path = path
        self._index = index
        self._key_stamps = index.key_stamps
        self._quarter_turns = quarter_turns
        self._decoders = threading.local()
        self._can_seek = True

    @property
    def _decoder(self) -> _Decoder:
        """The calling thread's own; closed when the thread ends."""
        if not hasattr(self._decoders, "own"):
            self._decoders.own = _Decoder()
        own: _Decoder = self._decoders.own
        return own

    def _load(self, index: int) -> NDArray[Any]:
        pixels: NDArray[Any] | None = None
        try:
            for found, frame in self._frames_to(index):
                if index - found < min(self._capacity, _KEPT_BEFORE):
                    pixels = self._pixels(found, frame)
                    self._remember(found, pixels)
        except av.FFmpegError as error:
            raise self._undecodable(index) from error
        if pixels is None:
            raise self._undecodable(index)
        return pixels

    def _frames_to(self, index: int) -> Iterator[tuple[int, VideoFrame]]:
        """Give the frames from where decoding stands, or can begin, up to `index`."""
        decoder = self._decoder
        key = self._key_before(index)
        if decoder.next is None or not key <= decoder.next <= index:
            self._begin(decoder, key)
        while True:
            for found, frame in decoder.run:
                decoder.next = found + 1
                if found > index:
                    break
                yield found, frame
                if found == index:
                    return
            decoder.next = None
            if not self._can_seek:
                raise self._undecodable(index)
            # Some films' key frames are none; from the start every film decodes alike.
            self._can_seek = False
            self._begin(decoder, 0)

    def _key_before(self, index: int) -> int:
        if not self._can_seek:
            return 0
        keys = self._index.keys
        place = int(np.searchsorted(keys, index, side="right")) - 1
        return int(keys[place]) if place >= 0 else 0

    def _begin(self, decoder: _Decoder, key: int) -> None:
        if decoder.container is not None:
            decoder.container.close()
        container, stream = open_film(self._path)
        decoder.container = container
        stamps = self._index.stamps
        if stamps is None:
            decoder.run = enumerate(decode(container.demux(stream)))
        elif key == 0:
            decoder.run = self._numbered(decode(container.demux(stream)))
        else:
            place = int(np.searchsorted(self._index.keys, key))
            targets = (int(stamps[key]), int(self._index.key_decode_stamps[place]))
            frames = decode_from_key(container, stream, targets, self._key_stamps)
            decoder.run = self._unbroken(self._numbered(frames))

    def _numbered(self, frames: Iterator[VideoFrame]) -> Iterator[tuple[int, VideoFrame]]:
        for frame in frames:
            place = self._index.place(frame.pts)
            if place is not None:
                yield place, frame

    @staticmethod
    def _unbroken(run: Iterator[tuple[int, VideoFrame]]) -> Iterator[tuple[int, VideoFrame]]:
        """End at the first gap: a decoder that began in the middle has lost its way there."""
        expected: int | None = None
        for found, frame in run:
            if expected is not None and found != expected:
                return
            yield found, frame
            expected = found + 1

    def _pixels(self, index: int, frame: VideoFrame) -> NDArray[Any]:
        pixels = np.rot90(frame.to_ndarray(format="rgb24"), self._quarter_turns)
        if pixels.shape != (*self.shape[2:], 3):
            raise UnreadableImageError(
                f"{self._path}: frame {index} is {pixels.shape[1]} x {pixels.shape[0]} pixels "
                f"but the first is {self.shape[3]} x {self.shape[2]}; a film must keep its size. "
                "Export it again at one size."
            )
        return pixels

    def _undecodable(self, index: int) -> UnreadableImageError:
        return UnreadableImageError(
            f"{self._path}: frame {index} cannot be decoded, the film is damaged there. "
            "Export it again, or segment only the part before."
        )


def read_film(path: Path, source: str) -> MedicalImage:
    """Read a film lazily.

    Frames that a camera marked as turned by quarter turns are turned upright.

    Parameters
    ----------
    path : Path
        An existing file.
    source : str
        Where it came from, as the user wrote it.

    Returns
    -------
    MedicalImage
        Axes "CTYX", uint8, channels red, green and blue. Spacing is unknown;
        frame times are the film's own stamps, from 0.

    Raises
    ------
    UnreadableImageError
        If the file is no film, is cut short, or none of its frames decodes.
    UnsupportedImageError
        If it holds no pictures.
    """
    index = index_film(path)
    container, stream = open_film(path)
    with container:
        first = next(decode(container.demux(stream)))
        rate, time_base = stream.average_rate, stream.time_base
        aspect = stream.sample_aspect_ratio
    notes = []
    turns, odd_angle = divmod(round(first.rotation), 90)
    height, width = (first.height, first.width)[:: -1 if turns % 2 else 1]
    times: NDArray[np.float64] | None = None
    if index.stamps is not None and time_base is not None:
        times = (index.stamps - index.stamps[0]) * float(time_base)
    elif rate:
        times = np.arange(index.n_frames) / float(rate)
        notes.append(
            "The film's time stamps are missing or out of order; its frame times are computed "
            f"from its average rate, {float(rate):g} frames per second."
        )
    if index.n_lost:
        notes.append(
            f"{index.n_lost} of {index.n_frames + index.n_lost} coded pictures could not be "
            "decoded and are left out; the film may be damaged or cut short."
        )
    if aspect and aspect != 1:
        notes.append(f"The film's pixels are not square: width to height is {aspect}.")
    if odd_angle:
        notes.append(f"The film is marked as turned by {first.rotation} degrees; left as it is.")
    return MedicalImage(
        FilmArray(path, index, height, width, turns % 4),
        "CTYX",
        Geometry(frame_times_s=None if times is None else tuple(times.tolist())),
        ("red", "green", "blue"),
        source,
        tuple(notes),
    )
