"""Films whose frames say which they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

HEIGHT, WIDTH = 96, 128


def numbered_frame(number: int) -> np.ndarray:
    """A frame that carries its number in eight large black or white blocks."""
    frame = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    frame[40:, (number * 3) % WIDTH :][:, :20] = 200
    for bit in range(8):
        frame[:16, bit * 16 : bit * 16 + 16] = 255 if number >> bit & 1 else 0
    return frame


def number_of(frame: np.ndarray) -> int:
    """The number that a decoded frame (C, Y, X) carries."""
    return sum(
        1 << bit for bit in range(8) if frame[:, 4:12, bit * 16 + 4 : bit * 16 + 12].mean() > 127
    )


def encode(
    path: Path,
    frames: Iterator[np.ndarray],
    codec: str = "mpeg4",
    *,
    pixels: str = "yuv420p",
    gop: int = 12,
    b_frames: int = 2,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
) -> Path:
    with av.open(str(path), "w", options=container or {}) as output:
        stream: Any = output.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, pixels
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=pixels)
            output.mux(stream.encode(picture))
        output.mux(stream.encode())
    return path


KINDS: dict[str, dict[str, Any]] = {
    "mpeg4.mp4": {},
    "mpeg4.avi": {},
    "mpeg4.mkv": {},
    "mpeg2.mpeg": {"codec": "mpeg2video"},
    "mpeg1.mpg": {"codec": "mpeg1video"},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p", "b_frames": 0},
    "palette.gif": {"codec": "gif", "pixels": "rgb8", "b_frames": 0},
    "lossless.mkv": {"codec": "ffv1", "b_frames": 0},
}
X264 = "keyint=12:min-keyint=12:scenecut=0:bframes=3:b-adapt=0:log-level=none"
if "libx264" in av.codecs_available:
    KINDS |= {
        name: {"codec": "libx264", "options": {"x264-params": f"{X264}{more}"}}
        for name, more in (
            ("h264.mp4", ""),
            ("h264.avi", ""),
            ("open_gop.mkv", ":open-gop=1"),
            ("refreshed.mp4", ":intra-refresh=1"),
        )
    }
