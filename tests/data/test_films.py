"""Films: every frame is the right one, however it is reached."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from films import HEIGHT, KINDS, WIDTH, encode, number_of, numbered_frame

from mambaseg.data import film_index, film_stream, films, read_image
from mambaseg.data.film_index import index_film
from mambaseg.types.errors import UnreadableImageError, UnsupportedImageError
from mambaseg.types.image import ArrayLike

Film = Callable[[str], Path]


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(frames).transpose(3, 0, 1, 2)


def test_every_frame_in_order(any_film: Path) -> None:
    image = read_image(any_film)
    assert (image.axes, image.array.shape) == ("CTYX", (3, 60, HEIGHT, WIDTH))
    assert image.array.dtype == np.uint8
    assert image.channel_names == ("red", "green", "blue")
    assert [number_of(image.array[:, i]) for i in range(60)] == list(range(60))


def test_random_access_gives_what_decoding_in_order_gives(any_film: Path) -> None:
    reference = decoded(any_film)
    array = read_image(any_film).array
    order = random.Random(7).choices(range(60), k=30)  # noqa: S311
    for index in [59, 0, 58, *order, *range(20, 10, -1)]:
        np.testing.assert_array_equal(array[:, index], reference[:, index], str(index))
        array._cache.clear()  # so that nothing but decoding answers


def test_frame_times_ascend_from_zero(any_film: Path) -> None:
    image = read_image(any_film)
    times = image.geometry.frame_times_s
    assert times is not None
    np.testing.assert_allclose(times, np.arange(60) / 25, atol=1e-9)
    assert image.geometry.spacing_mm is None


@pytest.mark.skipif("libx264" not in av.codecs_available, reason="PyAV has no H.264 encoder here")
def test_films_without_usable_stamps_say_so(film: Film) -> None:
    path = film("h264.avi")
    assert index_film(path).stamps is None
    assert "average rate, 25 frames per second" in read_image(path).notes[0]


@pytest.mark.parametrize("name", ["mpeg4.mp4", "mpeg4.mkv"])
def test_long_films_are_not_decoded_to_be_opened(
    film: Film, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = 0

    def counting(packets: Iterable[Any]) -> Iterator[Any]:
        nonlocal seen
        for frame in film_stream.decode(packets):
            seen += 1
            yield frame

    monkeypatch.setattr(film_index, "decode", counting)
    assert index_film(film(name)).n_frames == 60
    assert seen == 12


def test_sequential_reading_never_seeks(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    array = read_image(film("mpeg4.mp4")).array
    opened = 0
    open_film = films.open_film

    def counting(path: Path) -> Any:
        nonlocal opened
        opened += 1
        return open_film(path)

    monkeypatch.setattr(films, "open_film", counting)
    for start in range(0, 56, 4):
        np.asarray(array[:, start : start + 8])
    assert opened == 1


@pytest.mark.parametrize(
    "key",
    [
        np.s_[0],
        np.s_[1, 3],
        np.s_[:, 5:2:-1],
        np.s_[:, -3:],
        np.s_[..., 10],
        np.s_[::2, ::20, 5:9, ::-1],
        np.s_[2, 4, 5, 6],
        np.s_[:, 7, ..., 3],
        np.s_[0, np.int64(2)],
        np.s_[:, 5:5],
        np.s_[-1, 10:14, 3],
    ],
    ids=str,
)
def test_indexing_is_numpys(film: Film, key: object) -> None:
    path = film("lossless.mkv")
    array = read_image(path).array
    assert isinstance(array, ArrayLike)
    np.testing.assert_array_equal(array[key], decoded(path)[key])


def test_indices_out_of_range_are_refused(film: Film) -> None:
    array = read_image(film("mpeg4.mp4")).array
    with pytest.raises(IndexError):
        array[:, 60]
    with pytest.raises(IndexError):
        array[0, 0, 0, 0, 0]
    with pytest.raises(TypeError):
        array[:, 1.5]


def test_a_whole_film_becomes_an_array(film: Film) -> None:
    path = film("mpeg4.mp4")
    np.testing.assert_array_equal(np.asarray(read_image(path).array), decoded(path))


def test_what_is_given_can_be_written_without_harm(film: Film) -> None:
    array = read_image(film("mpeg4.mp4")).array
    before = array[:, 3].copy()
    array[:, 3][...] = 0
    np.testing.assert_array_equal(array[:, 3], before)


@pytest.mark.parametrize(
    ("channel", "color"), [(0, (255, 0, 0)), (1, (0, 255, 0)), (2, (0, 0, 255))]
)
def test_channels_are_red_green_blue(tmp_path: Path, channel: int, color: tuple[int, ...]) -> None:
    frame = np.full((HEIGHT, WIDTH, 3), color, np.uint8)
    path = encode(tmp_path / "pure.mp4", iter([frame] * 3))
    pixels = read_image(path).array[:, 1].reshape(3, -1)
    assert pixels[channel].min() > 200
    assert np.delete(pixels, channel, axis=0).max() < 60


def test_the_cache_is_bounded(film: Film) -> None:
    array = read_image(film("mpeg4.mp4")).array
    array._capacity = 5
    np.asarray(array)
    array[:, 0]
    array[:, 40]
    assert len(array._cache) == 5


def test_threads_share_a_film(film: Film) -> None:
    path = film("mpeg4.mp4")
    array = read_image(path).array
    array._capacity = 2
    wrong: list[int] = []

    def read(seed: int) -> None:
        order = random.Random(seed)  # noqa: S311
        for index in order.choices(range(60), k=25):
            if number_of(array[:, index]) != index:
                wrong.append(index)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_quarter_turns_are_applied(film: Film, tmp_path: Path) -> None:
    path = film("mpeg4.mp4")
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40
    one = (1 << 16).to_bytes(4, "big")
    minus_one = (-1 << 16).to_bytes(4, "big", signed=True)
    # The matrix of a film that is to be shown turned by 90 degrees clockwise.
    rows = [bytes(4), one, bytes(4), minus_one, bytes(12)]
    content[place : place + 28] = b"".join(rows)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(content)
    upright = read_image(turned).array
    assert upright.shape == (3, 60, WIDTH, HEIGHT)
    np.testing.assert_array_equal(
        upright[:, 9], np.rot90(read_image(path).array[:, 9], -1, axes=(1, 2))
    )


@pytest.mark.parametrize("fast_start", [True, False])
@pytest.mark.parametrize(
    "name", ["cut.mp4", "cut.mov", "cut.avi", "cut.mkv", "cut.gif", "fragments.mp4"]
)
def test_films_that_are_cut_short_are_refused(name: str, fast_start: bool, tmp_path: Path) -> None:
    flags = "faststart" if fast_start else "write_colr"
    if name == "fragments.mp4":
        flags = "frag_keyframe+empty_moov"
    frames = (numbered_frame(i) for i in range(60))
    gif = {"codec": "gif", "pixels": "rgb8", "b_frames": 0} if name.endswith("gif") else {}
    isobmff = {"movflags": flags} if name.endswith(("mp4", "mov")) else {}
    path = encode(tmp_path / name, frames, container=isobmff, **gif)
    assert read_image(path).n_frames == 60
    content = path.read_bytes()
    for share in (0.3, 0.6, 0.95):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(UnreadableImageError, match=rf"{name}.*cut short"):
            read_image(path)


def test_an_mpeg_stream_that_is_cut_short_gives_what_is_left_of_it(
    film: Film, tmp_path: Path
) -> None:
    content = film("mpeg2.mpeg").read_bytes()
    path = tmp_path / "cut.mpeg"
    path.write_bytes(content[: len(content) * 6 // 10])
    image = read_image(path)
    assert 20 < image.n_frames < 60
    numbers = [number_of(image.array[:, i]) for i in range(image.n_frames - 1)]
    assert numbers == list(range(image.n_frames - 1))


def test_a_relative_path_may_hold_colons(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "10:20:30.mp4").write_bytes(film("mpeg4.mp4").read_bytes())
    monkeypatch.chdir(tmp_path)
    image = read_image("10:20:30.mp4")
    assert number_of(image.array[:, 50]) == 50


@pytest.mark.parametrize("name", ["notes.mp4", "notes.avi", "notes.mkv", "notes.gif"])
def test_text_renamed_to_a_film(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("These are my notes.\n" * 50)
    with pytest.raises(UnreadableImageError, match=rf"{name}.*not a film"):
        read_image(path)


def test_damage_in_the_middle_is_named_or_passed_over(film: Film, tmp_path: Path) -> None:
    content = bytearray(film("mpeg4.mp4").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = np.random.default_rng(0).bytes(2000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    try:
        array = read_image(path).array
        for index in range(array.shape[1]):
            assert array[:, index].shape == (3, HEIGHT, WIDTH)
    except UnreadableImageError as error:
        assert "damaged.mp4" in str(error)


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.rate = 8000
        output.mux(stream.encode(silence))
        output.mux(stream.encode())
    with pytest.raises(UnsupportedImageError, match="no pictures but audio"):
        read_image(path)


@pytest.mark.slow
def test_every_real_film_opens(shared: Path) -> None:
    folder = shared / "data" / "pocus_lung_us_video"
    films = [path for path in sorted(folder.iterdir()) if path.suffix in (".mp4", ".avi", ".mpeg")]
    assert len(films) == 8
    for path in films:
        image = read_image(path)
        reference = decoded(path)
        assert image.array.shape == reference.shape, path
        for index in (reference.shape[1] - 1, 50, 3):
            np.testing.assert_array_equal(image.array[:, index], reference[:, index], str(path))
        assert image.geometry.frame_times_s is not None


def test_the_real_count_is_given_and_not_the_headers(shared: Path) -> None:
    path = shared / "data" / "pocus_lung_us_video" / "Reg_pat1Image_133410.mpeg"
    assert read_image(path).n_frames == 183


COLOURS = {"red": (254, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 254), "orange": (250, 140, 10)}


@pytest.mark.parametrize("name", KINDS)
def test_pure_colours_stay_what_they_are(tmp_path: Path, name: str) -> None:
    frames = [np.full((HEIGHT, WIDTH, 3), colour, np.uint8) for colour in COLOURS.values()]
    path = encode(tmp_path / name, (frames[i // 4 % 4] for i in range(32)), **KINDS[name])
    array = read_image(path).array
    tolerance = 45 if name.endswith("gif") else 12  # a palette of 8 by 8 by 4 colours
    for index in (0, 31, 17, 9, 5, 26, 14):
        expected = tuple(COLOURS.values())[index // 4 % 4]
        found = array[:, index].reshape(3, -1).mean(axis=1)
        np.testing.assert_allclose(found, expected, atol=tolerance, err_msg=f"frame {index}")


def test_each_thread_decodes_on_its_own(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film("mpeg4.mp4")
    array = read_image(path).array
    monkeypatch.setattr(array, "_capacity", 2)
    opened: list[int] = []
    open_film = films.open_film

    def counting(path: Path) -> Any:
        opened.append(threading.get_ident())
        return open_film(path)

    monkeypatch.setattr(films, "open_film", counting)
    wrong: list[tuple[int, int]] = []
    together = threading.Barrier(2)

    def play(start: int) -> None:
        for index in range(start, start + 30):
            together.wait(30)  # in turn, so that a shared decoder would be sent to and fro
            number = number_of(array[:, index])
            if number != index:
                wrong.append((index, number))

    threads = [threading.Thread(target=play, args=(start,)) for start in (0, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert len(opened) == len({*opened}) == 2
