from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pydicom
import pydicom.examples
import pytest
from PIL import Image

from mambaseg.export import FrameComposer, OverlayStyle, export_film
from mambaseg.types import Geometry, LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import Cancelled, OutputError, UnsupportedImageError

STYLE = OverlayStyle(scale=2)

Clip = Callable[..., tuple[MedicalImage, Segmentation]]


def decode(path: Path) -> tuple[list[np.ndarray], list[float], av.VideoStream]:
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        frames = list(film.decode(stream))
        return (
            [frame.to_ndarray(format="rgb24") for frame in frames],
            [f.time for f in frames],
            stream,
        )


def gif_durations(path: Path) -> list[int]:
    with Image.open(path) as film:
        durations = []
        for index in range(film.n_frames):
            film.seek(index)
            durations.append(film.info["duration"])
        return durations


@pytest.mark.parametrize(("height", "width"), [(40, 60), (41, 61), (40, 33), (1, 3)])
def test_mp4_plays_everywhere_with_even_sizes(
    make_clip: Clip, tmp_path: Path, height: int, width: int
) -> None:
    image, segmentation = make_clip(frames=13, height=height, width=width, rate=12.5)
    path = export_film(image, segmentation, tmp_path / "a.mp4", OverlayStyle(legend=False))
    pictures, times, stream = decode(path)
    assert len(pictures) == 13
    assert pictures[0].shape == (height + height % 2, width + width % 2, 3)
    assert float(stream.average_rate) == 12.5
    assert times == pytest.approx([t / 12.5 for t in range(13)], abs=1e-3)
    context = stream.codec_context
    assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "the index comes first"


def test_mp4_keeps_greys_and_class_colours(tmp_path: Path) -> None:
    array = np.zeros((1, 5, 64, 65), np.uint8) + np.arange(0, 260, 4, dtype=np.uint8)
    labels = np.zeros((5, 64, 65), np.uint8)
    labels[:, 16:48, 16:48] = 1
    segmentation = Segmentation(labels, "TYX", LabelSet.from_names({1: "a"}))
    image = MedicalImage(array, "CTYX")
    style = OverlayStyle(legend=False, opacity=0.9)
    pictures, _, _ = decode(export_film(image, segmentation, tmp_path / "a.mp4", style))
    expected = FrameComposer(image, segmentation, style).compose(2).astype(int)
    error = np.abs(pictures[2][:, :65].astype(int) - expected)
    assert error[4:12].max() <= 6
    assert error[20:44, 20:44].max() <= 10, "a wrong colour matrix is off by more"
    np.testing.assert_allclose(pictures[2][:12, 65], pictures[2][:12, 64], atol=6)


@pytest.mark.parametrize("suffix", [".mp4", ".MP4", ".gif", ".Gif"])
def test_the_suffix_chooses_the_format_in_either_case(
    make_clip: Clip, tmp_path: Path, suffix: str
) -> None:
    path = export_film(*make_clip(), tmp_path / f"a{suffix}", STYLE)
    assert path == tmp_path / f"a{suffix}"
    assert len(decode(path)[0]) == 4


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_two_exports_give_the_same_bytes(make_clip: Clip, tmp_path: Path, suffix: str) -> None:
    clip = make_clip(frames=12)
    one = export_film(*clip, tmp_path / f"one{suffix}", STYLE)
    two = export_film(*clip, tmp_path / f"two{suffix}", STYLE)
    assert one.read_bytes() == two.read_bytes()


def test_gif_loops_for_ever_at_the_true_pace(make_clip: Clip, tmp_path: Path) -> None:
    path = export_film(*make_clip(frames=30, rate=30.0), tmp_path / "a.gif", STYLE)
    with Image.open(path) as film:
        assert (film.n_frames, film.size, film.info["loop"]) == (30, (120, 80), 0)
    durations = gif_durations(path)
    assert set(durations) == {30, 40}
    assert sum(durations) == pytest.approx(1000, abs=10)


@pytest.mark.parametrize(
    ("frame_rate", "expected"), [(None, 40), (10.0, 100), (1000.0, 20), (0.01, 100_000)]
)
def test_gif_durations_follow_the_frame_rate(
    make_clip: Clip, tmp_path: Path, frame_rate: float | None, expected: int
) -> None:
    path = export_film(*make_clip(), tmp_path / "a.gif", STYLE, frame_rate=frame_rate)
    assert gif_durations(path) == [expected] * 4


def test_gif_keeps_frames_that_do_not_change(classes: LabelSet, tmp_path: Path) -> None:
    image = MedicalImage(np.full((1, 6, 40, 50), 77, np.uint8), "CTYX")
    segmentation = Segmentation(np.zeros((6, 40, 50), np.uint8), "TYX", classes)
    path = export_film(image, segmentation, tmp_path / "a.gif", OverlayStyle(legend=False))
    assert gif_durations(path) == [40] * 6
    assert all((picture == 77).all() for picture in decode(path)[0])


def test_gif_greys_are_not_banded(classes: LabelSet, tmp_path: Path) -> None:
    ramp = np.linspace(0, 250, 200).astype(np.uint8)
    image = MedicalImage(np.tile(ramp, (1, 3, 60, 1)), "CTYX")
    labels = np.zeros((3, 60, 200), np.uint8)
    labels[:, 30:50, 20:180] = 1
    segmentation = Segmentation(labels, "TYX", classes)
    pictures, _, _ = decode(export_film(image, segmentation, tmp_path / "a.gif", STYLE))
    expected = FrameComposer(image, segmentation, STYLE).compose(1).astype(int)
    error = np.abs(pictures[1].astype(int) - expected)[:60]
    assert error.mean() < 2
    assert error.max() < 16


def test_a_step_keeps_the_pace_and_a_given_rate_wins(make_clip: Clip, tmp_path: Path) -> None:
    clip = make_clip(frames=20, rate=40.0)
    thinned = export_film(*clip, tmp_path / "a.mp4", STYLE, frames=range(0, 20, 4))
    pictures, times, _ = decode(thinned)
    assert len(pictures) == 5
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    slow = export_film(*clip, tmp_path / "b.mp4", STYLE, frames=range(5), frame_rate=5)
    assert decode(slow)[1] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])


def test_progress_is_told_after_each_frame(make_clip: Clip, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = tmp_path / "a.gif"
    export_film(*make_clip(), path, STYLE, progress=lambda *count: told.append(count))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
@pytest.mark.parametrize("error", [Cancelled("stopped"), KeyboardInterrupt(), MemoryError()])
def test_failing_in_the_middle_leaves_nothing_behind(
    make_clip: Clip, tmp_path: Path, suffix: str, error: BaseException
) -> None:
    (tmp_path / f"a{suffix}").write_text("earlier")

    def fail(done: int, total: int) -> None:
        if done == 60:
            raise error

    with pytest.raises(type(error)):
        export_film(*make_clip(frames=70), tmp_path / f"a{suffix}", STYLE, progress=fail)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]
    assert (tmp_path / f"a{suffix}").read_text() == "earlier"


FULL_DISK = """
import resource, sys
import numpy as np
from mambaseg.export import OverlayStyle, export_film
from mambaseg.types import LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import OutputError

path, limit = sys.argv[1:]
noise = np.random.default_rng(0).integers(0, 256, (1, 30, 60, 80), dtype=np.uint8)
mask = Segmentation(np.zeros((30, 60, 80), np.uint8), "TYX", LabelSet.from_names({1: "a"}))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    export_film(MedicalImage(noise, "CTYX"), mask, path, OverlayStyle(legend=False))
except OutputError as error:
    sys.exit(3 if str(error).startswith(f"Cannot write {path}: ") else 4)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"

    def run(limit: int) -> int:
        return subprocess.run(  # noqa: S603
            [sys.executable, "-c", FULL_DISK, str(path), str(limit)], check=False
        ).returncode

    assert run(10**9) == 0
    size = path.stat().st_size
    path.unlink()
    for limit in (100, size // 2, size - 1):
        assert run(limit) == 3
        assert not list(tmp_path.iterdir())
    assert run(size) == 0


def test_another_suffix_is_refused(make_clip: Clip, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImageError, match=r"film\.avi.*\.mp4 or \.gif"):
        export_film(*make_clip(), tmp_path / "film.avi", STYLE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rate", [0.0, -5.0, 1e9, float("nan")])
def test_impossible_rates_are_refused(make_clip: Clip, tmp_path: Path, rate: float) -> None:
    with pytest.raises(ValueError, match="frame_rate"):
        export_film(*make_clip(), tmp_path / "a.mp4", STYLE, frame_rate=rate)
    assert not list(tmp_path.iterdir())


def test_a_missing_encoder_is_told(
    make_clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", {"gif"})
    with pytest.raises(OutputError, match=r"no H\.264 encoder.*\.gif"):
        export_film(*make_clip(), tmp_path / "a.mp4", STYLE)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_memory_does_not_grow_with_the_film(lazy_clip: Clip, tmp_path: Path, suffix: str) -> None:
    image, segmentation = lazy_clip(2000)
    tracemalloc.start()
    path = export_film(image, segmentation, tmp_path / f"a{suffix}", OverlayStyle(legend=False))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000, "the film's pictures take 37 MB"
    with av.open(str(path)) as film:
        assert sum(1 for _ in film.decode(video=0)) == 2000


def test_the_real_echo_clip_becomes_a_film_of_its_length(tmp_path: Path) -> None:
    clip = pydicom.dcmread(pydicom.examples.get_path("ybr_color")).pixel_array
    frames, height, width, _ = clip.shape
    geometry = Geometry(frame_times_s=tuple(t / 30 for t in range(frames)))
    names = ("red", "green", "blue")
    image = MedicalImage(np.moveaxis(clip, -1, 0), "CTYX", geometry, names, "echo.dcm")
    y, x = np.ogrid[:height, :width]
    ellipse = ((y - 95) / 50) ** 2 + ((x - 165) / 30) ** 2 < 1
    labels = np.repeat(ellipse[None].astype(np.uint8), frames, axis=0)
    classes = LabelSet.from_names({1: "left ventricle"})
    segmentation = Segmentation(labels, "TYX", classes, geometry)
    path = export_film(image, segmentation, tmp_path / "echo.mp4", OverlayStyle("contour"))
    pictures, _, stream = decode(path)
    assert len(pictures) == 30
    assert float(stream.average_rate) == pytest.approx(30)
    expected = FrameComposer(image, segmentation, OverlayStyle("contour")).compose(17)
    assert np.abs(pictures[17].astype(int) - expected).mean() < 3
