"""Workers, models that fit, images in words, what lies in a folder, and exports."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from models import PICTURES, model_of, random_clip, small_model
from patience import PATIENCE_S
from PIL import Image

from mambaseg.data import sample_path
from mambaseg.export import ExportPreset, OverlayStyle, overlay
from mambaseg.session import (
    ExportRequest,
    Session,
    Task,
    Worker,
    choose_models,
    describe_image,
    export,
    find_images,
    inspect,
    summarise_image,
)
from mambaseg.types import Geometry, LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import Cancelled, UnreadableImageError


def test_worker_tells_results_and_errors_in_order() -> None:
    worker = Worker("test")
    told: list[object] = []
    ended = threading.Event()

    def fail(task: Task) -> int:
        raise ValueError("no")

    worker.submit(lambda task: 1, told.append, told.append)
    worker.submit(fail, told.append, told.append)
    worker.submit(lambda task: threading.current_thread().name, told.append, told.append)
    worker.submit(lambda task: None, lambda _: ended.set(), told.append)
    assert ended.wait(PATIENCE_S)
    worker.close()
    assert told[0] == 1
    assert isinstance(told[1], ValueError)
    assert str(told[2]).startswith("test")


def test_a_cancelled_task_tells_nothing() -> None:
    worker = Worker("test")
    told: list[object] = []
    hold, ended = threading.Event(), threading.Event()
    running = worker.submit(lambda task: hold.wait(PATIENCE_S), told.append, told.append)
    waiting = worker.submit(told.append, told.append, told.append)
    running.cancel()
    waiting.cancel()
    hold.set()
    worker.submit(lambda task: None, lambda _: ended.set(), told.append)
    assert ended.wait(PATIENCE_S)
    assert told == []
    worker.close()


def test_a_stopped_task_tells_how_it_ended() -> None:
    worker = Worker("test")
    told: list[object] = []
    hold, ended = threading.Event(), threading.Event()

    def obey(task: Task) -> None:
        hold.wait(PATIENCE_S)
        task.check()

    obeys = worker.submit(obey, told.append, lambda error: told.append(type(error)))
    too_late = worker.submit(lambda task: (too_late.stop(), 1)[1], told.append, told.append)
    waits = worker.submit(told.append, told.append, lambda error: told.append(type(error)))
    obeys.stop()
    waits.stop()
    hold.set()
    worker.submit(lambda task: None, lambda _: ended.set(), told.append)
    assert ended.wait(PATIENCE_S)
    assert told == [Cancelled, 1, Cancelled]
    worker.close()


def test_models_that_fit_come_first_and_the_others_say_why(tmp_path: Path) -> None:
    grey = small_model(tmp_path, "grey", channels=("grey",), mean=(0.5,), std=(0.25,))
    colour = small_model(tmp_path, "colour")
    first, second = choose_models([grey, colour], random_clip(4))
    assert (first.model.name, first.fits) == ("colour", True)
    assert (second.model.name, second.fits) == ("grey", True)
    assert (first.note, "turned into grey" in second.note) == ("", True)
    (other,) = choose_models([colour], random_clip(4, channels=2))
    assert not other.fits
    assert "2 channels" in other.reason
    volume = MedicalImage(np.zeros((1, 4, 8, 8), np.uint8), "CZYX")
    assert all("volume" in choice.reason for choice in choose_models([grey, colour], volume))
    assert all(choice.fits for choice in choose_models([grey, colour], None))


def test_models_for_the_kind_and_the_classes_come_first(tmp_path: Path) -> None:
    pictures = model_of(tmp_path, "pictures", PICTURES)
    clips = small_model(tmp_path, "clips")
    knows = small_model(tmp_path, "knows", labels={1: "cyst"})
    models = [pictures, clips, knows]
    offered = [one.model.name for one in choose_models(models, random_clip(4))]
    assert offered == ["clips", "knows", "pictures"]
    found = choose_models(models, random_clip(4), to_train=True, classes=["cyst"])
    assert [one.model.name for one in found] == ["knows", "clips", "pictures"]


def test_an_image_in_words() -> None:
    geometry = Geometry(spacing_mm=(0.5, 0.25), frame_times_s=(0.0, 0.04, 0.08))
    image = MedicalImage(
        np.zeros((3, 3, 20, 30), np.uint8), "CTYX", geometry, ("red", "green", "blue")
    )
    assert describe_image(image) == [
        ("Kind", "Clip, colour, uint8"),
        ("Size", "30 x 20 pixels"),
        ("Frames", "3"),
        ("Frame rate", "25 frames/s"),
        ("Spacing", "0.25 x 0.5 mm"),
    ]
    assert summarise_image(image) == "Clip, colour, 30 x 20 pixels, 3 frames, 25 frames/s"
    volume = MedicalImage(np.zeros((1, 4, 20, 30), np.float32), "CZYX")
    assert dict(describe_image(volume))["Spacing"] == "unknown"
    assert summarise_image(volume) == "Volume, grey, 30 x 20 x 4 voxels"


def test_a_first_look_at_a_clip() -> None:
    found = inspect(sample_path("echo"))
    assert found.preview.shape == (240, 320, 3)
    np.testing.assert_array_equal(found.preview, np.moveaxis(found.image.array[:, 15], 0, -1))
    assert dict(found.rows)["Frames"] == "30"


def test_a_first_look_at_a_volume_in_grey(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    array = np.linspace(0, 1000, 6 * 8 * 10, dtype=np.float32).reshape(6, 8, 10)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / "volume.nrrd"))
    found = inspect(tmp_path / "volume.nrrd")
    assert found.preview.shape == (8, 10, 3)
    assert found.preview.dtype == np.uint8
    assert found.image.kind == "volume"


def test_what_lies_in_a_folder(tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for index in range(2):
        Image.new("L", (8, 8)).save(frames / f"{index}.png")
    (frames / "film.mp4").write_bytes(b"")
    (frames / "IM0001").write_bytes(bytes(128) + b"DICM")
    (frames / "notes.txt").write_text("no image")
    (frames / ".hidden.mp4").write_bytes(b"")
    found = [part.files for part in find_images(frames)]
    assert found == [(frames,), (frames / "IM0001",), (frames / "film.mp4",)]


def test_nothing_in_a_folder_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="is empty"):
        find_images(tmp_path)
    with pytest.raises(UnreadableImageError, match="does not exist"):
        find_images(tmp_path / "none")


def test_export_chooses_the_kind_by_the_suffix(tmp_path: Path) -> None:
    clip = random_clip(4)
    labels = np.zeros((4, 48, 60), np.uint8)
    labels[:, 10:20, 10:20] = 1
    mask = Segmentation(labels, "TYX", LabelSet.from_names({1: "a"}), clip.geometry)
    style = OverlayStyle()
    told: list[tuple[int, int]] = []

    def write(name: str, frames: range | None) -> str:
        request = ExportRequest(clip, mask, ExportPreset(style=style), tmp_path / name, frames)
        return export(request, lambda done, total: told.append((done, total)))

    assert write("one.png", range(2, 3)) == f"Wrote {tmp_path / 'one.png'}."
    picture = np.asarray(Image.open(tmp_path / "one.png"))
    np.testing.assert_array_equal(picture, overlay(clip, mask, style, frame=2))
    assert write("all", None) == f"Wrote {tmp_path / 'all'}. It holds 4 pictures."
    assert sorted(path.name for path in (tmp_path / "all").iterdir())[0] == "overlay_0000.png"
    write("film.gif", range(1, 3))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4), (1, 2), (2, 2)]


def test_a_closed_session_tells_nothing_more(tmp_path: Path) -> None:
    waiting: list = []
    session = Session(waiting.append)
    told: list[object] = []
    session.files.submit(lambda task: 1, told.append, told.append)
    while not waiting:
        pass
    session.close()
    for function in waiting:
        function()
    assert told == []


def test_a_model_of_ones_own_is_added_once(tmp_path: Path) -> None:
    session = Session()
    model = small_model(tmp_path)
    for _ in range(2):
        done = threading.Event()
        session.add_model(model.path, lambda added, e=done: e.set(), pytest.fail)
        assert done.wait(PATIENCE_S)
    assert [known.name for known in session.models or []] == ["small"]
    session.close()
