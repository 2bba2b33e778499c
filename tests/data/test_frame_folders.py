"""Folders of numbered images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mambaseg.data import read_image
from mambaseg.types.errors import MambasegError, UnreadableImageError, UnsupportedImageError


def save(path: Path, value: int, mode: str = "L", size: tuple[int, int] = (8, 6)) -> None:
    Image.new(mode, size, value if mode in ("L", "I;16") else (value, 2, 3, 100)[: len(mode)]).save(
        path
    )


def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 1, 100):
        save(tmp_path / f"frame{number}.png", number)
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "._frame1.png").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "frame7.png").mkdir()
    image = read_image(tmp_path)
    assert (image.axes, image.array.shape) == ("CTYX", (1, 4, 6, 8))
    assert image.array[0, :, 0, 0].tolist() == [1, 2, 10, 100]
    assert image.channel_names == ("intensity",)
    assert image.geometry.frame_times_s is None
    assert image.source == str(tmp_path)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("f1", "f2", "f5", "f6"), "pass over 3, 4:"),
        (("f001_a", "f003_a", "f009_a"), "pass over 5, 7:"),
        (("0", "2", "900"), "pass over 4, 6, 8, 10, 12, 14 and more:"),
        (("f0", "f1", "f2"), ""),
        (("f0", "f10", "f20"), ""),
        (("a1_b4", "a2_b7", "a5_b8"), ""),
        (("a", "b"), ""),
    ],
)
def test_frames_that_are_missing_are_named(
    tmp_path: Path, names: tuple[str, ...], told: str
) -> None:
    for name in names:
        save(tmp_path / f"{name}.png", 0)
    notes = " ".join(read_image(tmp_path).notes)
    assert told in notes
    assert bool(notes) is bool(told)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif"])
def test_colour_is_red_green_blue(tmp_path: Path, suffix: str) -> None:
    for number in range(2):
        save(tmp_path / f"{number}.{suffix}", 250, "RGB")
    image = read_image(tmp_path)
    assert image.channel_names == ("red", "green", "blue")
    np.testing.assert_allclose(image.array[:, 1, 3, 3], (250, 2, 3), atol=6)


def test_transparency_is_dropped_and_16_bits_are_kept(tmp_path: Path) -> None:
    clear, deep = tmp_path / "clear", tmp_path / "deep"
    clear.mkdir()
    deep.mkdir()
    save(clear / "1.png", 9, "RGBA")
    save(deep / "1.png", 4000, "I;16")
    assert read_image(clear).array[:, 0, 0, 0].tolist() == [9, 2, 3]
    assert read_image(deep).array.dtype == np.uint16
    assert read_image(deep).array[0, 0, 0, 0] == 4000


def test_mixed_sizes_name_the_first_two_that_differ(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 1)
    save(tmp_path / "2.png", 1)
    save(tmp_path / "3.png", 1, size=(9, 6))
    with pytest.raises(UnsupportedImageError, match=r"1\.png is 8 x 6 .* 3\.png is 9 x 6"):
        read_image(tmp_path)


def test_mixed_channels_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 1)
    save(tmp_path / "2.png", 1, "RGB")
    with pytest.raises(UnsupportedImageError, match=r"1\.png is .* grey.*2\.png is .* colour"):
        read_image(tmp_path)


def test_an_image_beside_its_mask_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 1)
    save(tmp_path / "1.bmp", 1)
    with pytest.raises(UnsupportedImageError, match=r"both 1\.bmp and 1\.png"):
        read_image(tmp_path)


def test_a_damaged_frame_is_named_when_it_is_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    for number in range(3):
        Image.fromarray(noise).save(tmp_path / f"{number}.png")
    content = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(content[: len(content) // 2])
    array = read_image(tmp_path).array
    np.testing.assert_array_equal(array[0, 2], noise)
    with pytest.raises(UnreadableImageError, match=r"1\.png"):
        array[:, 1]


def test_a_frame_that_changes_later_is_named(tmp_path: Path) -> None:
    for number in range(2):
        save(tmp_path / f"{number}.png", 1)
    array = read_image(tmp_path).array
    save(tmp_path / "1.png", 1, size=(20, 20))
    with pytest.raises(UnreadableImageError, match=r"1\.png has changed"):
        array[:, 1]


@pytest.mark.parametrize("other", [None, "notes.txt"])
def test_folders_without_images(tmp_path: Path, other: str | None) -> None:
    if other:
        (tmp_path / other).write_text("x")
    with pytest.raises(UnreadableImageError, match=other or "is empty"):
        read_image(tmp_path)


def test_the_real_folder_opens(shared: Path) -> None:
    folder = shared / "data" / "vivim_vtus" / "Train" / "0002"
    image = read_image(folder)
    assert image.array.shape == (3, 91, 256, 256)
    first = np.array(Image.open(sorted(folder.glob("*.jpg"))[0]))
    np.testing.assert_array_equal(image.array[:, 0], first.transpose(2, 0, 1))


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif"])
def test_still_images(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"one.{suffix}", 77)
    image = read_image(tmp_path / f"one.{suffix}")
    assert (image.axes, image.array.shape) == ("CYX", (1, 6, 8))
    assert np.asarray(image.array).tolist() == [[[77] * 8] * 6]


def test_a_stack_of_pages_is_a_volume(tmp_path: Path) -> None:
    pages = [Image.new("L", (8, 6), value) for value in range(3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    image = read_image(tmp_path / "stack.tif")
    assert (image.axes, image.array.shape) == ("CZYX", (1, 3, 6, 8))
    assert np.asarray(image.array)[0, :, 0, 0].tolist() == [0, 1, 2]
    assert image.geometry.spacing_mm is None
    assert image.notes == ("The pages are taken as slices.",)


@pytest.mark.parametrize("name", ["nothing.mp4", "nothing.nii.gz"])
def test_missing_and_empty_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(UnreadableImageError, match=rf"{name} cannot be opened: No such file"):
        read_image(path)
    path.touch()
    with pytest.raises(UnreadableImageError, match=rf"{name} is empty"):
        read_image(path)


def test_other_files_are_told_what_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UnsupportedImageError, match=r"table\.csv.*films \(mp4.*DICOM.*nii"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "nii", "nii.gz", "nrrd", "mha", "dcm"])
def test_text_under_any_name_is_refused_with_a_sentence(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"text.{suffix}"
    path.write_text("only text " * 100)
    with pytest.raises(MambasegError, match=rf"text\.{suffix}"):
        read_image(path)
