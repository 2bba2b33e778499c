"""What a run does with boxes, frames that are left out, post-processing, doubt and its record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import PICTURES, VOLUMES, model_of, random_clip, random_volume, small_model

from mambaseg.inference import Adapted, Chunk, Engine, Finished, Options, Progress
from mambaseg.inference.pixel_hash import pixels_sha256
from mambaseg.inference.record import RunRecord
from mambaseg.inference.settings import Settings, Stage
from mambaseg.types.errors import InvalidOptionError, OutOfMemoryError
from mambaseg.types.image import MedicalImage
from mambaseg.types.postprocessing import PostProcessing
from mambaseg.types.trained_model import TrainedModel


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrainedModel]:
    folder = tmp_path_factory.mktemp("models")
    tiled = {**PICTURES, "input": {"kind": "image", "size": (32, 32), "tiled": True}}
    return {
        "video": small_model(folder),
        "image": model_of(folder, "pictures", PICTURES),
        "tiled": model_of(folder, "tiled", tiled),
        "volume": model_of(folder, "volumes", VOLUMES),
    }


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu")


def image_for(kind: str) -> MedicalImage:
    return random_volume() if kind == "volume" else random_clip(9)


def finished(engine: Engine, image: MedicalImage, model: TrainedModel, **options: Any) -> Finished:
    *_, last = engine.stream(image, model, Options(**options))
    assert isinstance(last, Finished)
    return last


@pytest.mark.parametrize("kind", ["video", "image", "tiled", "volume"])
def test_every_kind_has_doubt_and_a_record(
    engine: Engine, models: dict[str, TrainedModel], kind: str
) -> None:
    image = image_for(kind)
    end = finished(engine, image, models[kind])
    doubt, record = end.doubt, end.record
    assert doubt is not None
    assert len(doubt.scores) == image.array.shape[1]
    assert doubt.unit == ("slices" if kind == "volume" else "frames")
    known = doubt.scores[np.isfinite(doubt.scores)]
    assert len(known) > 5
    assert (known.min() >= 0) & (known.max() <= 1)
    assert known.std() > 0
    assert (doubt.disagreement is not None) == (kind == "video")
    assert record.input is not None
    assert record.input.sha256 == pixels_sha256(image)
    assert record.weights_sha256 == models[kind].sha256
    assert record.recipe == models[kind].recipe
    assert record.doubt is not None
    assert list(record.doubt.ranked) == doubt.ranked()
    assert {"load", "read", "network", "stitch", "post", "total"} <= record.seconds.keys()
    assert record.seconds["network"] <= record.seconds["total"]
    assert RunRecord.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize(
    ("kind", "box"),
    [
        ("video", (slice(10, 30), slice(20, 50))),
        ("image", (slice(10, 30), slice(20, 50))),
        ("volume", (slice(8, 20), slice(10, 30), slice(5, 25))),
    ],
)
def test_outside_a_box_all_is_background(
    engine: Engine, models: dict[str, TrainedModel], kind: str, box: tuple[slice, ...]
) -> None:
    image = image_for(kind)
    whole = np.asarray(finished(engine, image, models[kind]).segmentation.labels)
    end = finished(engine, image, models[kind], box=box)
    found = np.asarray(end.segmentation.labels)
    place = (Ellipsis, *box)
    outside = np.ones(found.shape, bool)
    outside[place] = False
    assert not found[outside].any()
    assert found[place].any()
    agreement = (found[place] == whole[place]).mean()
    # Windows over a volume lie elsewhere, so that their blend is another.
    assert agreement == 1 if kind != "volume" else agreement > 0.8
    assert end.record.options.box == tuple((side.start, side.stop) for side in box)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((slice(0, 5),), "has 1 sides, but blobs needs 2: rows and columns"),
        ((slice(0, 5), slice(3, 99)), "does not lie in blobs, which has 48 x 60"),
        ((slice(5, 5), slice(3, 9)), "does not lie in blobs"),
        ((slice(None), slice(3, 9)), "does not lie in blobs"),
    ],
)
def test_boxes_that_do_not_fit(
    engine: Engine, models: dict[str, TrainedModel], box: Any, message: str
) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        engine.stream(random_clip(3), models["video"], Options(box=box))


@pytest.mark.parametrize("kind", ["video", "image", "tiled"])
def test_frames_that_are_left_out(
    engine: Engine, models: dict[str, TrainedModel], kind: str
) -> None:
    image, skip = random_clip(14), frozenset({0, 3, 4, 5, 6, 7, 8, 13})
    whole = np.asarray(finished(engine, image, models[kind]).segmentation.labels)
    events = list(engine.stream(image, models[kind], Options(skip=skip)))
    given = [t for e in events if isinstance(e, Chunk) for t in range(e.start, e.stop)]
    assert given == [t for t in range(14) if t not in skip]
    *_, progress = (event for event in events if isinstance(event, Progress))
    assert (progress.done, progress.total) == (6, 6)
    end = events[-1]
    assert isinstance(end, Finished)
    found = np.asarray(end.segmentation.labels)
    assert not found[sorted(skip)].any()
    np.testing.assert_array_equal(found[given], whole[given])
    assert end.doubt is not None
    assert set(end.doubt.ranked()) == set(given)


def test_frames_that_cannot_be_left_out(engine: Engine, models: dict[str, TrainedModel]) -> None:
    clip, video = random_clip(6), models["video"]
    with pytest.raises(InvalidOptionError, match="Every frame .* nothing to segment"):
        engine.stream(clip, video, Options(frames=range(2, 4), skip=frozenset({2, 3})))
    with pytest.raises(InvalidOptionError, match=r"Frame 6 is to be left out.* 0 to 5"):
        engine.stream(clip, video, Options(skip=frozenset({2, 6})))
    for some in (Options(skip=frozenset({2})), Options(frames=range(2))):
        with pytest.raises(InvalidOptionError, match="segmented as a whole"):
            engine.stream(random_volume(), models["volume"], some)
    with pytest.raises(InvalidOptionError, match="one frame at a time"):
        engine.stream(clip, models["image"], Options(clip_overlap=1))


def test_streamed_frames_are_mended_like_all_at_once(
    engine: Engine, models: dict[str, TrainedModel]
) -> None:
    from mambaseg.inference.postprocessing import ShapeRules, recipe_with

    rules = PostProcessing(temporal_median=5, largest_component=True, fill_holes=True)
    image, model = random_clip(14), models["video"]
    raw = np.asarray(finished(engine, image, model).segmentation.labels)
    events = list(engine.stream(image, model, Options(postprocessing=rules)))
    chunks = [event for event in events if isinstance(event, Chunk)]
    assert [t for c in chunks for t in range(c.start, c.stop)] == list(range(14))
    assert len(chunks) > 2
    assert isinstance(events[-1], Finished)
    found = np.asarray(events[-1].segmentation.labels)
    np.testing.assert_array_equal(found, np.concatenate([c.labels for c in chunks]))
    shapes = ShapeRules.of(recipe_with(model.recipe, rules), None, "")
    for t in range(14):
        half = min(2, t, 13 - t)
        median = np.median(raw[t - half : t + half + 1], axis=0).astype(np.uint8)
        np.testing.assert_array_equal(found[t], shapes.apply(median))
    assert (found != raw).any()


def test_a_volumes_pieces_are_looked_at_whole(
    engine: Engine, models: dict[str, TrainedModel]
) -> None:
    from scipy.ndimage import label

    rules = PostProcessing(largest_component=True)
    events = list(engine.stream(random_volume(), models["volume"], Options(postprocessing=rules)))
    (chunk,) = (event for event in events if isinstance(event, Chunk))
    assert (chunk.start, chunk.stop) == (0, 40)
    for value in (1, 2):
        assert label(chunk.labels == value, np.ones((3, 3, 3)))[1] == 1


def test_a_recipes_own_rules_are_followed(engine: Engine, tmp_path: Path) -> None:
    rules = {"minimum_size": {"value": 1e6, "unit": "pixels"}, "temporal_median": 3}
    picture = {**PICTURES, "postprocessing": rules}
    model = model_of(tmp_path, "strict", picture)
    still = random_clip(1)
    still = MedicalImage(still.array[:, 0], "CYX", channel_names=still.channel_names)
    assert not np.asarray(engine.segment(still, model).labels).any()
    plain = Options(postprocessing=PostProcessing())
    assert np.asarray(engine.segment(still, model, plain).labels).any()
    asked = Options(postprocessing=PostProcessing(temporal_median=3))
    with pytest.raises(InvalidOptionError, match="A median over 3 frames .* single image"):
        engine.stream(still, model, asked)


def test_a_replay_is_the_same_bit_for_bit(engine: Engine, models: dict[str, TrainedModel]) -> None:
    for kind in ("video", "volume"):
        image = image_for(kind)
        first = finished(engine, image, models[kind])
        assert len(first.record.stages) == 1
        options = first.record.options.options(models[kind].recipe)
        *_, again = engine.stream(image, models[kind], options, stages=first.record.stages)
        assert isinstance(again, Finished)
        np.testing.assert_array_equal(again.segmentation.labels, first.segmentation.labels)
        assert again.record.stages == first.record.stages


@pytest.mark.parametrize("call", [1, 4])
def test_a_run_that_gave_way_is_replayed_as_it_went(
    engine: Engine, models: dict[str, TrainedModel], monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    from mambaseg.inference.forward import Forward

    image, model = random_clip(23), models["video"]
    calls, once = Forward.__call__, []

    def fails_once(self: Forward, x: Any) -> Any:
        once.append(1)
        if len(once) == call:
            raise MemoryError("cannot allocate memory")
        return calls(self, x)

    with monkeypatch.context() as patched:
        patched.setattr(Forward, "__call__", fails_once)
        events = list(engine.stream(image, model, Options(precision="float32")))
    assert any(isinstance(event, Adapted) for event in events)
    first = events[-1]
    assert isinstance(first, Finished)
    starts = [stage.start for stage in first.record.stages]
    assert starts == ([0] if call == 1 else [0, starts[-1]])
    assert (0 < starts[-1] < 23) == (call > 1)
    options = first.record.options.options(model.recipe)
    *_, again = engine.stream(image, model, options, stages=first.record.stages)
    assert isinstance(again, Finished)
    np.testing.assert_array_equal(again.segmentation.labels, first.segmentation.labels)
    assert again.record.stages == first.record.stages


def test_a_replay_that_does_not_fit_any_more_gives_way(
    engine: Engine, models: dict[str, TrainedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mambaseg.inference.forward import Forward

    def fails(self: Forward, x: Any) -> Any:
        raise MemoryError("cannot allocate memory")

    monkeypatch.setattr(Forward, "__call__", fails)
    stages = (Stage(0, Settings("cpu", window=(5,))), Stage(4, Settings("cpu", window=(2,))))
    with pytest.raises(OutOfMemoryError):
        list(engine.stream(random_clip(9), models["video"], stages=stages))


@pytest.mark.parametrize("kind", ["pictures", "tiles", "clips"])
def test_films_are_mirrored_left_to_right_and_upside_down(
    engine: Engine, tmp_path: Path, kind: str
) -> None:
    """So that a film turned by half gives its mask turned by half."""
    taken = {"kind": "image", "size": (32, 40), "tiled": kind == "tiles"}
    model = (
        small_model(tmp_path)
        if kind == "clips"
        else model_of(tmp_path, "m", {**PICTURES, "input": taken})
    )
    clip = random_clip(4, (48, 60))
    plain = engine.segment(clip, model, Options(precision="float32")).labels
    found = engine.segment(clip, model, Options(precision="float32", mirror=True))
    assert found.provenance.options["mirrorings"] == 4
    assert (found.labels != plain).any()
    turned = replace(clip, array=np.ascontiguousarray(clip.array[:, :, ::-1, ::-1]))
    again = engine.segment(turned, model, Options(precision="float32", mirror=True)).labels
    assert (np.asarray(again)[:, ::-1, ::-1] == found.labels).mean() > 0.999
