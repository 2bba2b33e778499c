"""The engine on small random networks: what comes out, when, and what it refuses."""

from __future__ import annotations

import gc
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from models import random_clip, small_model

from mambaseg.inference import (
    CancelToken,
    Chunk,
    Engine,
    Finished,
    Options,
    Progress,
    label_store,
    video,
)
from mambaseg.ops import default_backend
from mambaseg.types import MedicalImage
from mambaseg.types.errors import (
    Cancelled,
    IncompatibleWeightsError,
    InvalidOptionError,
    MambasegError,
    OutOfMemoryError,
    OutputError,
    UnknownNameError,
    UnsupportedImageError,
)
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import load_network


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    return small_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def engine() -> Engine:
    return Engine("cpu")


def test_stream_gives_every_frame_once_in_order_before_the_end(
    engine: Engine, model: TrainedModel
) -> None:
    image = random_clip(14)
    events = list(engine.stream(image, model))
    chunks = [e for e in events if isinstance(e, Chunk)]
    assert [f for c in chunks for f in range(c.start, c.stop)] == list(range(14))
    assert len(chunks) > 2
    assert [e.done for e in events if isinstance(e, Progress)] == [c.stop for c in chunks]
    assert isinstance(events[-1], Finished)
    segmentation = events[-1].segmentation
    assert segmentation.labels.shape == (14, 48, 60)
    assert segmentation.labels.dtype == np.uint8
    assert segmentation.geometry == image.geometry
    np.testing.assert_array_equal(np.concatenate([c.labels for c in chunks]), segmentation.labels)
    assert 0.01 < segmentation.labels.mean() < 0.99


def test_overlaps_are_averaged(engine: Engine, model: TrainedModel) -> None:
    """Against one pass that keeps all clips' probabilities in memory."""
    image = random_clip(11)
    recipe = model.recipe
    network = load_network(model)
    sums, counts = torch.zeros(11, 1, *recipe.video.size), torch.zeros(11, 1, 1, 1)
    weights = torch.tensor([1.0, 2.0, 3.0, 2.0, 1.0]).view(-1, 1, 1, 1)  # falling to the ends
    frames = torch.nn.functional.interpolate(
        torch.from_numpy(image.array[:]).float() / 255,
        recipe.video.size,
        mode="bilinear",
        antialias=True,
    )
    with torch.inference_mode():
        for start in (0, 3, 6):
            clip = ((frames[:, start : start + 5] - 0.5) / 0.25).transpose(0, 1)
            sums[start : start + 5] += network(clip[None])[0].sigmoid() * weights
            counts[start : start + 5] += weights
    assert counts.flatten().tolist() == [1, 2, 3, 3, 3, 3, 3, 3, 3, 2, 1]
    expected = (
        torch.nn.functional.interpolate(sums / counts, (48, 60), mode="bilinear")[:, 0] >= 0.5
    )
    found = engine.segment(image, model, Options(precision="float32")).labels
    assert (found == expected.numpy()).mean() > 0.9999


def test_a_film_shorter_than_a_clip(engine: Engine, model: TrainedModel) -> None:
    assert engine.segment(random_clip(2), model).labels.shape == (2, 48, 60)


def test_a_range_of_frames_leaves_the_others_alone(engine: Engine, model: TrainedModel) -> None:
    labels = engine.segment(random_clip(12), model, Options(frames=range(4, 10))).labels
    assert not labels[:4].any()
    assert not labels[10:].any()
    assert labels[4:10].any()


def test_grey_clips_are_repeated_to_three_channels(engine: Engine, model: TrainedModel) -> None:
    grey = random_clip(6, channels=1)
    rgb = MedicalImage(np.repeat(grey.array[:], 3, axis=0), "CTYX", channel_names=("r", "g", "b"))
    np.testing.assert_array_equal(
        engine.segment(grey, model).labels, engine.segment(rgb, model).labels
    )


def test_colour_clips_are_weighed_to_one_channel(engine: Engine, tmp_path: Path) -> None:
    grey = random_clip(6, channels=1)
    rgb = MedicalImage(np.repeat(grey.array[:], 3, axis=0), "CTYX", channel_names=("r", "g", "b"))
    model = small_model(tmp_path, channels=("intensity",), mean=(0.5,), std=(0.25,))
    agreement = engine.segment(grey, model).labels == engine.segment(rgb, model).labels
    assert agreement.mean() > 0.999


def test_a_still_image_is_a_clip_of_one_frame(engine: Engine, model: TrainedModel) -> None:
    clip = random_clip(1)
    still = MedicalImage(clip.array[:, 0], "CYX", channel_names=clip.channel_names)
    segmentation = engine.segment(still, model)
    assert segmentation.axes == "YX"
    np.testing.assert_array_equal(segmentation.labels, engine.segment(clip, model).labels[0])


def test_clips_that_the_network_does_not_take(engine: Engine, tmp_path: Path) -> None:
    arguments = {"backbone": "b0", "widths": [8, 16, 40, 64], "decoder_width": 16}
    model = small_model(tmp_path, arguments={**arguments, "scan_chunks": 5})
    engine.segment(random_clip(5), model)
    with pytest.raises(UnsupportedImageError, match="does not take clips of 2 frames of 32 x 40"):
        engine.segment(random_clip(2), model)


def test_a_file_that_changed_since_it_was_chosen(engine: Engine, tmp_path: Path) -> None:
    chosen = small_model(tmp_path, seed=0)
    small_model(tmp_path, seed=1)
    with pytest.raises(IncompatibleWeightsError, match="has changed since"):
        engine.segment(random_clip(2), chosen)


def test_a_full_temporary_disk_is_a_sentence(
    engine: Engine, model: TrainedModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(label_store, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(OutputError, match="Cannot keep the labels in the temporary folder"):
        engine.segment(random_clip(2), model)


def test_sixteen_bit_clips_are_windowed_alike(engine: Engine, model: TrainedModel) -> None:
    clip = random_clip(6)
    wide = replace(clip, array=clip.array[:].astype(np.uint16) * 200)
    agreement = engine.segment(clip, model).labels == engine.segment(wide, model).labels
    assert agreement.mean() > 0.97


def test_cancel_keeps_what_was_final_and_the_engine(engine: Engine, model: TrainedModel) -> None:
    image, cancel, kept = random_clip(20), CancelToken(), []
    with pytest.raises(Cancelled):
        for event in engine.stream(image, model, cancel=cancel):
            if isinstance(event, Chunk):
                kept.append(event)
                cancel.cancel()
    assert len(kept) == 1
    whole = engine.segment(image, model).labels
    np.testing.assert_array_equal(kept[0].labels, whole[: kept[0].stop])


def test_cancel_from_another_thread(engine: Engine, model: TrainedModel) -> None:
    cancel, frames = CancelToken(), []
    image = random_clip(400)

    def work() -> None:
        try:
            frames.extend(
                e for e in engine.stream(image, model, cancel=cancel) if isinstance(e, Chunk)
            )
        except Cancelled:
            frames.append(None)

    thread = threading.Thread(target=work)
    thread.start()
    cancel.cancel()
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert frames[-1] is None


def test_provenance_says_what_was_done(engine: Engine, model: TrainedModel) -> None:
    made = engine.segment(random_clip(7), model, Options(clip_overlap=4)).provenance
    assert made.model == "small"
    assert made.weights_sha256 == model.sha256
    assert made.versions["torch"] == torch.__version__
    assert made.options["backend"] == default_backend("cpu")
    assert made.options["clip_overlap"] == 4
    assert made.options["device"].startswith("cpu")
    assert made.options["frames_per_second"] > 0


def test_long_films_gather_on_disk_and_go_with_the_array(
    engine: Engine, model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = random_clip(9)
    expected = np.asarray(engine.segment(image, model).labels)
    monkeypatch.setattr(label_store, "IN_MEMORY_BYTES", 1000)
    labels = engine.segment(image, model).labels
    assert isinstance(labels, zarr.Array)
    assert labels.chunks == (1, 48, 60)
    np.testing.assert_array_equal(labels[:], expected)
    folder = Path(str(labels.store.root))
    assert folder.is_dir()
    del labels
    gc.collect()
    assert not folder.exists()


def test_values_that_are_not_numbers_stop_the_run(
    engine: Engine, model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.no_grad():
        engine._hosting.network(model).decoder.head.bias.fill_(torch.nan)
    with pytest.raises(
        MambasegError, match=r"not numbers, first in its part 'decoder\.head'.*float32"
    ):
        engine.segment(random_clip(5), model)


def test_out_of_memory_is_a_sentence(
    engine: Engine, model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starve(*_: object) -> None:
        torch.empty(2**50, dtype=torch.uint8)  # the allocator's own error

    monkeypatch.setattr(video, "probabilities_of", starve)
    with pytest.raises(OutOfMemoryError, match=r"memory of cpu .* did not suffice"):
        engine.segment(random_clip(5), model)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (MedicalImage(np.zeros((1, 4, 8, 8), np.uint8), "CZYX"), "volume"),
        (random_clip(3, channels=2), "has 2 channels"),
        (MedicalImage(np.zeros((1, 3, 2, 8, 8), np.uint8), "CTZYX"), "time series of volumes"),
    ],
    ids=["volume", "channels", "4D"],
)
def test_images_that_do_not_fit(
    engine: Engine, model: TrainedModel, image: MedicalImage, message: str
) -> None:
    with pytest.raises(UnsupportedImageError, match=message):
        engine.segment(image, model)


@pytest.mark.parametrize("frames", [range(3, 3), range(99), range(0, 6, 2), range(-1, 3)])
def test_frames_that_are_not_there(engine: Engine, model: TrainedModel, frames: range) -> None:
    with pytest.raises(InvalidOptionError, match="has the frames 0 to 7"):
        engine.segment(random_clip(8), model, Options(frames=frames))


@pytest.mark.parametrize("overlap", [-1, 5, 9])
def test_overlap_must_be_less_than_the_clip(
    engine: Engine, model: TrainedModel, overlap: int
) -> None:
    with pytest.raises(InvalidOptionError, match="choose 0 to 4"):
        engine.segment(random_clip(8), model, Options(clip_overlap=overlap))


def test_unknown_device_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match=r"no device 'tpu'.*'cpu'"):
        Engine("tpu")
