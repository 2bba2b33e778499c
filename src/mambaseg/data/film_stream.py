"""Opening a film, decoding it, and beginning in its middle."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import chain, dropwhile
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError

__all__ = ["decode", "decode_from_key", "open_film"]


def open_film(path: Path) -> tuple[InputContainer, VideoStream]:
    """Open a film and its first video stream, to be decoded on all cores.

    Parameters
    ----------
    path : Path
        An existing file.

    Raises
    ------
    UnreadableImageError
        If no film can be read from the file.
    UnsupportedImageError
        If it holds no pictures, but only sound for example.
    """
    try:
        # Of a relative path, FFmpeg takes what stands before a colon for a protocol.
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise UnreadableImageError(
            f"{path} cannot be read as a film: it is damaged, cut short or not a film at all. "
            "Check that it plays in a video player, or export it again."
        ) from error
    if not container.streams.video:
        kinds = ", ".join(stream.type for stream in container.streams) or "nothing"
        container.close()
        raise UnsupportedImageError(
            f"{path} holds no pictures but {kinds}; a film with a video stream was expected."
        )
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    return container, stream


def decode(packets: Iterable[Packet[VideoStream]]) -> Iterator[VideoFrame]:
    """Decode packets to frames, passing over those that cannot be, as players do."""
    for packet in packets:
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        yield from frames


def decode_from_key(
    container: InputContainer,
    stream: VideoStream,
    targets: Sequence[int],
    key_stamps: Container[int],
) -> Iterator[VideoFrame]:
    """Decode from a key frame in the middle of a film, exactly as from its start.

    Containers seek by presentation stamps, by decoding stamps or only roughly,
    and may land inside a group of pictures. So packets are dropped up to the
    next key frame, and so are the frames that are shown before it but coded
    after it: they may refer to what was skipped.

    Parameters
    ----------
    container, stream
        An open film.
    targets : sequence of int
        Presentation stamp of the wanted key frame, then further stamps to try.
    key_stamps : container of int
        Presentation stamps of all key frames; only at one of these is it begun.

    Yields
    ------
    VideoFrame
        First the wanted key frame or an earlier one, then what follows; nothing
        if this film cannot be entered there.
    """
    for target in targets:
        container.seek(target, stream=stream)
        packets = container.demux(stream)
        landing = next((packet for packet in packets if packet.is_keyframe), None)
        if landing is None or landing.pts is None or landing.pts > targets[0]:
            continue
        if landing.pts in key_stamps:
            yield from _from_landing(landing.pts, decode(chain([landing], packets)))
            return


def _from_landing(key_stamp: int, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    shown = dropwhile(lambda frame: frame.pts is None or frame.pts < key_stamp, frames)
    first = next(shown, None)
    if first is not None and first.pts == key_stamp:
        yield first
        yield from shown
