"""Which frames a film really has, and when each is shown."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from mambaseg.data.film_length import is_cut_short
from mambaseg.data.film_stream import decode, decode_from_key, open_film
from mambaseg.types.errors import UnreadableImageError

__all__ = ["FilmIndex", "index_film"]


@dataclass(frozen=True)
class FilmIndex:
    """The frames of a film in the order in which they are shown.

    Parameters
    ----------
    n_frames : int
        Number of frames that can be decoded.
    stamps : ndarray of int64, shape (n_frames,), or None
        When each frame is shown, in units of the stream's time base, strictly
        ascending; None where stamps are missing or out of order.
    keys : ndarray of int64, shape (K,)
        Indices of the frames at which decoding can begin; empty without stamps.
    key_decode_stamps : ndarray of int64, shape (K,)
        Decoding stamps of the same, by which some containers seek.
    n_lost : int
        Number of coded pictures that gave no frame.
    """

    n_frames: int
    stamps: NDArray[np.int64] | None
    keys: NDArray[np.int64]
    key_decode_stamps: NDArray[np.int64]
    n_lost: int = 0

    @property
    def key_stamps(self) -> frozenset[int]:
        """Stamps of the key frames."""
        return frozenset() if self.stamps is None else frozenset(self.stamps[self.keys].tolist())

    def place(self, stamp: int | None) -> int | None:
        """Index of the frame with that stamp, or None."""
        if self.stamps is None or stamp is None:
            return None
        place = int(np.searchsorted(self.stamps, stamp))
        return place if place < self.n_frames and self.stamps[place] == stamp else None


@dataclass(frozen=True)
class _Coded:
    """One coded picture: its stamps, and whether decoding can begin at it."""

    stamp: int | None
    decode_stamp: int | None
    is_key: bool
    is_corrupt: bool


def index_film(path: Path) -> FilmIndex:
    """Find the frames of a film.

    Headers are wrong often enough that they are not asked. Reading the coded
    pictures without decoding them costs a thousandth of decoding and gives
    every frame's stamp, but counts pictures that no decoder shows. So the list
    is believed only if decoding the first and the last group of pictures, where
    pictures get lost, gives just what it says; if not, the film is decoded once.

    Parameters
    ----------
    path : Path
        An existing file.

    Raises
    ------
    UnreadableImageError
        If the file is no film, is cut short, or none of its frames decodes.
    UnsupportedImageError
        If it holds no pictures.
    """
    pictures = _coded_pictures(path)
    if is_cut_short(path):
        raise UnreadableImageError(
            f"{path} is cut short: it is smaller than its own header says. "
            "Copy or export the film again."
        )
    believed = _index(pictures, sorted(p.stamp for p in pictures if p.stamp is not None))
    sound = not any(picture.is_corrupt or picture.stamp is None for picture in pictures)
    if sound and _is_confirmed(path, believed):
        return believed
    container, stream = open_film(path)
    with container:
        stamps = [frame.pts for frame in decode(container.demux(stream))]
    if not stamps:
        raise UnreadableImageError(
            f"{path} opens as a film, but none of its {len(pictures)} coded pictures can be "
            "decoded. Check that it plays in a video player, or export it again."
        )
    return _index(pictures, stamps)


def _coded_pictures(path: Path) -> list[_Coded]:
    container, stream = open_film(path)
    with container:
        # MPEG program streams stamp only some pictures; what FFmpeg guesses for the others
        # differs after seeking, so that frames would be mistaken for their neighbours.
        can_seek = container.format.name not in ("mpeg", "mpegvideo")
        try:
            return [
                _Coded(packet.pts, packet.dts, packet.is_keyframe and can_seek, packet.is_corrupt)
                for packet in container.demux(stream)
                if packet.size and not packet.is_discard
            ]
        except av.FFmpegError as error:
            raise UnreadableImageError(
                f"{path} cannot be read to its end: it is damaged or cut short. "
                "Copy or export the film again."
            ) from error


def _index(pictures: list[_Coded], shown: list[int | None] | list[int]) -> FilmIndex:
    n_lost = max(0, len(pictures) - len(shown))
    none = np.empty(0, np.int64)
    if not shown or None in shown or np.any(np.diff(np.array(shown, np.int64)) <= 0):
        return FilmIndex(len(shown), None, none, none, n_lost)
    stamps = np.array(shown, np.int64)
    keys = {
        picture.stamp: picture.stamp if picture.decode_stamp is None else picture.decode_stamp
        for picture in pictures
        if picture.is_key and picture.stamp is not None
    }
    key_stamps = np.array(sorted(set(keys) & set(stamps.tolist())), np.int64)
    decode_stamps = np.array([keys[stamp] for stamp in key_stamps.tolist()], np.int64)
    return FilmIndex(len(shown), stamps, np.searchsorted(stamps, key_stamps), decode_stamps, n_lost)


def _is_confirmed(path: Path, index: FilmIndex) -> bool:
    if index.stamps is None or not len(index.keys):
        return False
    stamps = index.stamps.tolist()
    first_group = stamps[: index.keys[1] if len(index.keys) > 1 else None]
    last_key = stamps[index.keys[-1]]
    container, stream = open_film(path)
    with container:
        opening = islice(decode(container.demux(stream)), len(first_group))
        if [frame.pts for frame in opening] != first_group:
            return False
        targets = (last_key, int(index.key_decode_stamps[-1]))
        ending = decode_from_key(container, stream, targets, index.key_stamps)
        closing = [frame.pts for frame in ending]
    return last_key in closing and closing == stamps[-len(closing) :]
