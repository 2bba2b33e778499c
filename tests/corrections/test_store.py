"""What goes into a store comes out again; what does not fit is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import random_clip
from nnunet import check_raw_dataset

from mambaseg.corrections import Store, find_store
from mambaseg.types import Geometry, LabelSet, MedicalImage, Segmentation
from mambaseg.types.errors import MambasegError, OutputError, StoreError, UnreadableImageError


def test_verified_frames_come_back_and_others_are_ignored(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation
) -> None:
    store = Store(tmp_path / "s")
    assert (store.cases(), store.label_set, store.channel_names) == ([], None, None)
    case = store.verify(clip, masks, [7, 2])
    assert case.startswith("blobs_")
    assert store.cases() == [case]
    assert store.verified_frames(case) == [2, 7]
    assert [i for i, state in enumerate(store.states(case)) if state == "verified"] == [2, 7]
    image, found = Store(tmp_path / "s").read(case)
    np.testing.assert_array_equal(np.asarray(image.array), clip.array)
    assert image.array.dtype == np.uint8
    assert image.channel_names == clip.channel_names
    np.testing.assert_array_equal(found.labels[[2, 7]], masks.labels[[2, 7]])
    assert (np.delete(found.labels, [2, 7], axis=0) == 5).all()
    assert found.label_set == masks.label_set
    check_raw_dataset(tmp_path / "s")


def test_a_frame_is_verified_again_and_forgotten(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation
) -> None:
    store = Store(tmp_path)
    case = store.verify(clip, masks, [1, 2])
    other = replace(masks, labels=np.ones((12, 48, 60), np.int64))
    assert store.verify(clip, other, [2, 3]) == case
    labels = np.asarray(store.read(case)[1].labels)
    np.testing.assert_array_equal(labels[1], masks.labels[1])
    assert (labels[[2, 3]] == 1).all()
    store.unverify(case, [1, 2, 9])
    assert store.verified_frames(case) == [3]
    store.unverify(case, [3])
    assert store.verified_frames(case) == []
    check_raw_dataset(tmp_path)


def test_a_clip_is_known_by_its_content(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation
) -> None:
    store = Store(tmp_path)
    assert store.case_of(clip) is None
    case = store.verify(clip, masks, [0])
    again = replace(clip, source="/elsewhere/other name.mp4", array=clip.array.copy())
    assert Store(tmp_path).case_of(again) == case
    assert store.verify(again, masks, [5]) == case
    twin = replace(clip, array=clip.array + np.uint8(1))
    assert store.verify(twin, masks, [0]) != case
    assert len(store.cases()) == 2
    store.remove(case)
    assert len(store.cases()) == 1
    assert not list(tmp_path.glob(f"*/{case}*"))
    check_raw_dataset(tmp_path)


def _floats(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


@st.composite
def _geometries(draw: st.DrawFn, n_spatial: int, n_frames: int | None) -> Geometry:
    spacing = st.tuples(*[_floats(0.01, 20)] * n_spatial)
    turn = np.linalg.qr(
        np.reshape(draw(st.lists(_floats(-1, 1), min_size=9, max_size=9)), (3, 3)) + 3 * np.eye(3)
    )[0]
    steps = draw(st.lists(_floats(0.01, 1), min_size=n_frames or 0, max_size=n_frames or 0))
    times = tuple(np.cumsum(steps).tolist())
    return Geometry(
        draw(st.none() | spacing),
        draw(st.none() | st.tuples(*[_floats(-500, 500)] * 3)),
        draw(st.none() | st.just(tuple(turn.ravel().tolist()))),
        draw(st.none() | st.just(times)) if n_frames else None,
    )


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_geometry_type_and_values_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    axes = data.draw(st.sampled_from(["CTYX", "CZYX"]))
    shape = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4)), 5, 6)
    dtype = data.draw(st.sampled_from(["uint8", "int16", "uint16", "float32", "float64", "int64"]))
    array = np.random.default_rng(0).uniform(0, 100, shape).astype(dtype)
    geometry = data.draw(
        _geometries(2, shape[1]) if axes == "CTYX" else _geometries(3, None), label="geometry"
    )
    names = tuple(f"c{i}" for i in range(shape[0]))
    image = MedicalImage(array, axes, geometry, names, "x.mha")
    classes = LabelSet.from_names({2: "a", 9: "b"})
    labels = np.full(shape[1:], 9, np.uint8)
    store = Store(tmp_path_factory.mktemp("store"))
    case = store.verify(image, Segmentation(labels, axes[1:], classes, geometry), [0])
    found, mask = store.read(case)
    assert found.array.dtype == array.dtype
    np.testing.assert_array_equal(np.asarray(found.array), array)
    assert (found.axes, found.geometry) == (axes, geometry)
    assert (mask.axes, mask.geometry) == (axes[1:], geometry)
    check_raw_dataset(store.path)


def test_pixels_that_are_not_annotated_stay_so(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation
) -> None:
    labels = np.array(masks.labels)
    labels[3, :10] = masks.label_set.ignore
    store = Store(tmp_path)
    case = store.verify(clip, replace(masks, labels=labels), [3])
    np.testing.assert_array_equal(store.read(case)[1].labels[3], labels[3])
    check_raw_dataset(tmp_path)


def _painted(masks: Segmentation, value: int) -> Segmentation:
    return replace(masks, labels=np.full(masks.labels.shape, value, np.uint8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c, m: (c, m, [12]), "has the frames 0 to 11"),
        (lambda c, m: (c, m, []), "has the frames 0 to 11"),
        (lambda c, m: (c, _painted(m, 7), [1]), r"frame 1 of blobs holds the values \[7\]"),
        (lambda c, m: (c, _painted(m, 5), [1]), "Frame 1 of blobs is not annotated"),
        (
            lambda c, m: (random_clip(9), m, [1]),
            r"masks have the shape \(12, 48, 60\).*needs \(9, 48",
        ),
        (
            lambda c, m: (
                c,
                replace(m, label_set=LabelSet.from_names({1: "nerve", 4: "vein"})),
                [1],
            ),
            "holds the classes .*'vessel'.*'vein'.*another folder",
        ),
        (
            lambda c, m: (replace(c, channel_names=("r", "g", "b")), m, [1]),
            r"with the channels \('red'",
        ),
        (
            lambda c, m: (replace(c, array=c.array[:, 0], axes="CYX", geometry=Geometry()), m, [0]),
            "keeps clips .* but blobs is CYX",
        ),
        (
            lambda c, m: (replace(c, array=c.array.astype(np.complex64)), m, [0]),
            "of the type complex64",
        ),
        (
            lambda c, m: (replace(c, array=np.where(c.array > 9, np.nan, 1.0)), m, [0]),
            "values that are not numbers in frame 0",
        ),
    ],
    ids=["frame", "none", "value", "empty", "shape", "classes", "channels", "still", "type", "nan"],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation, change: Any, message: str
) -> None:
    store = Store(tmp_path)
    case = store.verify(clip, masks, [0])
    before = {p.name: p.read_bytes() for p in tmp_path.rglob("*.*") if p.is_file()}
    with pytest.raises(MambasegError, match=message):
        store.verify(*change(clip, masks))
    assert {p.name: p.read_bytes() for p in tmp_path.rglob("*.*") if p.is_file()} == before
    assert store.verified_frames(case) == [0]


@pytest.mark.parametrize("names", [{1: "a", 2: "a"}, {1: "ignore"}, {1: "background"}])
def test_names_that_nnunet_has_no_place_for(
    tmp_path: Path, clip: MedicalImage, names: dict[int, str]
) -> None:
    masks = Segmentation(np.ones((12, 48, 60), np.uint8), "TYX", LabelSet.from_names(names))
    with pytest.raises(StoreError, match="needs classes of different names"):
        Store(tmp_path).verify(clip, masks, [0])
    assert not list(tmp_path.glob("*/*"))


def test_cases_and_frames_that_do_not_exist(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation
) -> None:
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="holds no case 'x'"):
        store.verified_frames("x")
    case = store.verify(clip, masks, [0])
    with pytest.raises(StoreError, match="holds no case '../x'"):
        store.read("../x")
    with pytest.raises(StoreError, match="has the frames 0 to 11"):
        store.unverify(case, [40])


def _content(store: Store) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((store.path / "dataset.json").read_text())
    return content


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda c: "{", "is no store of corrections.*Invalid JSON"),
        (lambda c: json.dumps({**c, "mambaseg": {"format_version": 2, "classes": []}}), "update"),
        (lambda c: json.dumps({k: v for k, v in c.items() if k != "mambaseg"}), "Field required"),
        (lambda c: json.dumps({**c, "dataset": {"../../x": {}}}), "only letters, digits"),
        (lambda c: b"\xff\xfe", "cannot be read"),
    ],
    ids=["json", "newer", "foreign", "path", "binary"],
)
def test_a_damaged_or_foreign_store(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation, break_it: Any, message: str
) -> None:
    store = Store(tmp_path)
    store.verify(clip, masks, [0])
    text = break_it(_content(store))
    (tmp_path / "dataset.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StoreError, match=message):
        Store(tmp_path)


@pytest.mark.parametrize("what", ["cut", "gone", "other"])
@pytest.mark.parametrize("folder", ["imagesTr", "labelsTr"])
def test_damaged_files_are_named(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation, folder: str, what: str
) -> None:
    store = Store(tmp_path)
    case = store.verify(clip, masks, [0])
    file = sorted((tmp_path / folder).iterdir())[0]
    if what == "gone":
        file.unlink()
    else:
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2] if what == "cut" else b"hello")
    with pytest.raises(UnreadableImageError, match=file.name):
        store.read(case)


def test_a_file_in_the_place_of_a_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be read: .*Choose another folder"):
        Store(tmp_path / "file" / "store")


def test_a_store_begins_in_no_folder_of_other_things(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation
) -> None:
    (tmp_path / "film.mp4").touch()
    with pytest.raises(StoreError, match=r"holds 'film.mp4' and is no store"):
        Store(tmp_path).verify(clip, masks, [2])
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]
    (tmp_path / "imagesTr").mkdir()  # of a first write that was cut off
    Store(tmp_path).verify(clip, masks, [2])


def test_a_full_disk_leaves_the_store_as_it_was(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation
) -> None:
    resource = pytest.importorskip("resource", reason="limits of files are POSIX's")
    store = Store(tmp_path)
    case = store.verify(clip, masks, [0])
    random = np.random.default_rng(0)
    noise = replace(masks, labels=random.choice(np.array([0, 1, 4], np.uint8), (12, 48, 60)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputError, match="Cannot write .*Nothing was left behind"):
            store.verify(clip, noise, range(12))
        with pytest.raises(OutputError, match="Cannot write"):
            store.verify(replace(clip, array=clip.array[::-1].copy()), masks, [0])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert store.cases() == [case]
    assert store.verified_frames(case) == [0]
    assert not list(tmp_path.rglob(".partial-*"))
    check_raw_dataset(tmp_path)


def test_each_set_of_classes_and_channels_has_a_store(
    tmp_path: Path, clip: MedicalImage, masks: Segmentation
) -> None:
    first = find_store(masks.label_set, clip.channel_names, tmp_path)
    assert first.path.name == "Dataset501_nerve-vessel"
    first.verify(clip, masks, [0])
    assert find_store(masks.label_set, clip.channel_names, tmp_path).path == first.path
    other = LabelSet.from_names({1: "thyroid nodule"})
    assert find_store(other, clip.channel_names, tmp_path).path.name == "Dataset502_thyroid-nodule"
    assert find_store(masks.label_set, ("grey",), tmp_path).path.name == "Dataset502_nerve-vessel"
    (first.path / "dataset.json").write_text("{")
    assert find_store(masks.label_set, clip.channel_names, tmp_path).path != first.path
