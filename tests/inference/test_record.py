"""Records of runs: hashes of pixels, JSON and back, and what a replay refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import random_clip, random_volume, small_model, small_recipe

from mambaseg.data import read_image, sample_path
from mambaseg.inference import Doubt, Options, RunRecord
from mambaseg.inference.pixel_hash import HashedImage, pixels_sha256
from mambaseg.inference.record import DoubtRecord, InputRecord, OptionsRecord
from mambaseg.inference.replay import (
    check_same_input,
    check_same_weights,
    differences,
    read_record,
    replayed,
)
from mambaseg.types.errors import IncompatibleWeightsError, InvalidConfigError, InvalidOptionError
from mambaseg.types.image import MedicalImage
from mambaseg.types.postprocessing import PostProcessing


def record_of(image: MedicalImage, **changes: Any) -> RunRecord:
    content: dict[str, Any] = {
        "model": "small",
        "weights_sha256": "0" * 64,
        "recipe": small_recipe(),
        "input": InputRecord(
            sha256=pixels_sha256(image),
            axes=image.axes,
            shape=tuple(image.array.shape),
            dtype=str(image.array.dtype),
        ),
        "versions": {"torch": "2"},
        "device": "cpu",
        "backend": "cpu",
        "precision": "float32",
        "threads": 1,
        **changes,
    }
    return RunRecord(**content)


def test_a_film_is_hashed_while_it_is_read() -> None:
    film = read_image(sample_path("echo"))
    assert not isinstance(film.array, np.ndarray)
    whole = replace(film, array=np.asarray(film.array[:]))
    expected = pixels_sha256(whole)
    assert pixels_sha256(film) == expected
    hashed = HashedImage(film)
    reads = []
    for start in range(0, 30, 3):  # overlapping clips, as the engine reads them
        part = hashed.image.frames(start, min(start + 5, 30))
        reads.append(np.array_equal(part, whole.array[:, start : start + 5]))
        _ = hashed.image.array[:, 0, :4]
    assert all(reads)
    assert hashed.sha256() == expected
    skipped = HashedImage(film)
    skipped.image.frames(20, 22)  # out of turn: it is read again at the end
    assert skipped.sha256() == expected


def test_the_listener_reads_like_the_film() -> None:
    film = read_image(sample_path("echo"))
    heard, whole = HashedImage(film).image.array, np.asarray(film.array[:])
    for key in (
        slice(0, 1),
        (slice(None), 3),
        (slice(None), slice(2, 9), slice(5, 9), slice(1, 4)),
        (1, slice(2, 9)),
        (slice(0, 2), slice(0, 10, 3)),
    ):
        np.testing.assert_array_equal(np.asarray(heard[key]), whole[key])
    np.testing.assert_array_equal(np.asarray(heard), whole)
    assert (heard.shape, heard.dtype, heard.ndim) == (whole.shape, whole.dtype, 4)


def test_one_changed_pixel_is_another_hash() -> None:
    for image in (random_clip(5), random_volume()):
        array = np.asarray(image.array[:]).copy()
        array[0, 2, 7, 7] += 1
        assert pixels_sha256(replace(image, array=array)) != pixels_sha256(image)
    clip = random_clip(5)
    array = np.asarray(clip.array[:]).copy()
    array[:, 4] += 1
    changed = replace(clip, array=array)
    assert pixels_sha256(changed, range(4)) == pixels_sha256(clip, range(4))
    still = MedicalImage(clip.array[:, 0], "CYX", channel_names=clip.channel_names)
    assert pixels_sha256(still) != pixels_sha256(replace(still, array=still.array[:, ::-1]))


def test_options_and_back() -> None:
    rules = PostProcessing(fill_holes=("nodule",), temporal_median=3)
    options = Options(
        frames=range(2, 9),
        skip=frozenset({3, 5}),
        box=(slice(1, 9), slice(2, 8)),
        mirror=False,
        postprocessing=rules,
    )
    recipe = small_recipe(postprocessing=rules)
    written = OptionsRecord.of(options).model_dump_json()
    assert OptionsRecord.model_validate_json(written).options(recipe) == options


def test_a_record_is_json_and_back(tmp_path: Path) -> None:
    doubt = Doubt("frames", 4, np.array([0.1, 0.7, np.nan, 0.3], np.float32))
    record = record_of(random_clip(3), doubt=DoubtRecord.of(doubt), adapted=("smaller_batch",))
    assert record.doubt == DoubtRecord(unit="frames", ranked=(5, 7, 4), scores=(0.7, 0.3, 0.1))
    path = tmp_path / "run.json"
    path.write_text(record.model_dump_json())
    assert read_record(path) == record


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no record of a run"),
        ("[]", "not a valid RunRecord"),
        ('{"format_version": 1}', "written by an earlier mambaseg"),
        ('{"format_version": 9}', "update mambaseg"),
        ('{"format_version": 2}', "not a valid RunRecord: model"),
    ],
)
def test_what_is_no_record(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(InvalidConfigError, match=message):
        read_record(tmp_path / "run.json")


def test_a_record_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError, match=r"run.json cannot be read: No such file"):
        read_record(tmp_path / "run.json")
    bare = record_of(random_clip(3), recipe=None)
    with pytest.raises(InvalidConfigError, match="neither Recipe nor input"):
        replayed(bare)


def test_other_weights_and_pixels_are_refused(tmp_path: Path) -> None:
    clip = random_clip(4)
    model = small_model(tmp_path)
    check_same_weights(record_of(clip, weights_sha256=model.sha256), model)
    with pytest.raises(IncompatibleWeightsError, match="000000000000"):
        check_same_weights(record_of(clip), model)
    check_same_input(record_of(clip), clip)
    other = replace(clip, array=np.asarray(clip.array)[..., ::-1])
    with pytest.raises(InvalidOptionError, match="blobs has other pixels"):
        check_same_input(record_of(clip), other)
    with pytest.raises(InvalidOptionError, match=r"shape \(3, 5, 48, 60\), but the run was made"):
        check_same_input(record_of(clip), random_clip(5))


def test_what_may_make_labels_differ_is_said() -> None:
    record = record_of(random_clip(3))
    assert differences(record, record) == []
    now = record.model_copy(update={"versions": {"torch": "3"}, "threads": 2})
    assert differences(record, now) == [
        "The number of threads was 1, and is 2 now: labels may differ.",
        "The version of torch was 2, and is 3 now: labels may differ.",
    ]


def test_a_record_holds_no_names() -> None:
    image = replace(random_clip(3), source="secret person.dcm")
    text = json.dumps(json.loads(record_of(image).model_dump_json()))
    assert "secret" not in text
