"""Cancelling anywhere, tiles against the whole, and batches against single windows."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models import PICTURES, VOLUMES, model_of, random_clip, random_volume, small_model
from torch import nn

from mambaseg.inference import CancelToken, Chunk, Engine, Options, Progress
from mambaseg.inference.classes import probabilities_of
from mambaseg.inference.homing import Homing
from mambaseg.inference.stitching import Stitcher
from mambaseg.inference.windows import window_places, window_weights
from mambaseg.types import Geometry, MedicalImage
from mambaseg.types.errors import Cancelled, OutputError
from mambaseg.types.recipe import Recipe
from mambaseg.types.trained_model import TrainedModel

EXACT = Options(precision="float32")
Job = tuple[TrainedModel, MedicalImage, np.ndarray, int]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu")


@pytest.fixture(scope="module")
def jobs(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Job]:
    """A model of each kind with an image, its labels, and how many times it tells its progress."""
    folder = tmp_path_factory.mktemp("m")
    found: dict[str, Job] = {}
    for kind, model, image in (
        ("video", small_model(folder), random_clip(31)),
        ("image", model_of(folder, "p", PICTURES), random_clip(10)),
        ("volume", model_of(folder, "v", VOLUMES), random_volume((72, 40, 36))),
    ):
        events = list(engine.stream(image, model))
        steps = sum(isinstance(event, Progress) for event in events)
        found[kind] = model, image, np.asarray(events[-1].segmentation.labels), steps
    return found


@pytest.mark.parametrize("kind", ["video", "image", "volume"])
@pytest.mark.parametrize("tenth", range(10))
def test_cancel_at_every_tenth_leaves_a_usable_engine(
    kind: str, tenth: int, engine: Engine, jobs: dict[str, Job]
) -> None:
    model, image, labels, steps = jobs[kind]
    cancel, done = CancelToken(), 0
    if tenth == 0:
        cancel.cancel()
    chunks: list[Chunk] = []
    with pytest.raises(Cancelled):
        for event in engine.stream(image, model, cancel=cancel):
            if isinstance(event, Chunk):
                chunks.append(event)
            done += isinstance(event, Progress)
            if done >= tenth * steps / 10:
                cancel.cancel()
    assert done <= tenth * steps / 10 + 1  # no window more than was begun
    for chunk in chunks:
        np.testing.assert_array_equal(chunk.labels, labels[chunk.start : chunk.stop])
    assert engine.waiting == 0
    if tenth % 5 == 0:
        np.testing.assert_array_equal(np.asarray(engine.segment(image, model).labels), labels)


def test_batches_equal_single_windows(engine: Engine, jobs: dict[str, Job]) -> None:
    for model, image, _, _ in jobs.values():
        alone = np.asarray(engine.segment(image, model, EXACT).labels)
        for batch in (3, 64):
            found = engine.segment(image, model, replace(EXACT, batch=batch)).labels
            assert (np.asarray(found) == alone).mean() > 0.9999


def test_slabs_come_in_order_and_make_the_whole(engine: Engine, jobs: dict[str, Job]) -> None:
    model, image, labels, _ = jobs["volume"]
    chunks = [event for event in engine.stream(image, model) if isinstance(event, Chunk)]
    assert len(chunks) > 2
    assert [chunk.start for chunk in chunks] == [0, *(chunk.stop for chunk in chunks[:-1])]
    np.testing.assert_array_equal(np.concatenate([chunk.labels for chunk in chunks]), labels)


def test_tiles_equal_the_whole_where_a_tile_holds_it(engine: Engine, tmp_path: Path) -> None:
    clip = random_clip(2, (96, 96))
    image = {"kind": "image", "size": (96, 96)}
    resized = model_of(tmp_path, "a", {**PICTURES, "input": image})
    tiled = model_of(tmp_path, "b", {**PICTURES, "input": {**image, "tiled": True}})
    np.testing.assert_array_equal(
        engine.segment(clip, tiled, EXACT).labels, engine.segment(clip, resized, EXACT).labels
    )
    larger = random_clip(1, (150, 198))
    events = list(engine.stream(larger, tiled, EXACT))
    assert events[-1].segmentation.labels.shape == (1, 150, 198)
    assert events[-1].record.choices["tile"] == [96, 96]


def _tiled(
    network: nn.Module, x: torch.Tensor, side: int, overlap: float, on_disk: bool = False
) -> torch.Tensor:
    """Logits of windows put together, shape (K, z, y, x)."""
    size = tuple(x.shape[1:])
    window = tuple(min(side, length) for length in size)
    places = window_places(size, window, overlap)
    starts = sorted({place[0].start for place in places})
    sums = Stitcher(3, size[1:], window_weights(window, "gaussian"), on_disk=on_disk)
    pieces = []
    with torch.inference_mode():
        for start, end in pairwise([*starts, size[0]]):
            for place in places:
                if place[0].start == start:
                    sums.add(place, network(x[:, *place][None])[0])
            pieces += [piece.clone() for piece in sums.take(end)]
    return torch.cat(pieces).transpose(0, 1)


def _local_network(reach: int) -> nn.Module:
    """It looks so many voxels to each side, so that away from borders windows see the same."""
    torch.manual_seed(0)
    return nn.Conv3d(2, 3, 2 * reach + 1, padding=reach)


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(*[st.integers(6, 20)] * 3),
    side=st.integers(5, 9),
    overlap=st.sampled_from([0.25, 0.5, 0.75]),
    on_disk=st.booleans(),
)
def test_tiled_equals_untiled(
    size: tuple[int, int, int], side: int, overlap: float, on_disk: bool
) -> None:
    network = _local_network(reach=0)
    x = torch.randn(2, *size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole = network(x[None])[0]
    torch.testing.assert_close(
        _tiled(network, x, side, overlap, on_disk), whole, rtol=1e-4, atol=1e-5
    )


def test_what_borders_spoil_has_hardly_any_weight() -> None:
    network = _local_network(reach=1)
    x = torch.randn(2, 48, 40, 36, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole = network(x[None])[0]
    inner = (slice(None), *[slice(8, -8)] * 3)  # in the volume's corners all windows weigh little
    error = (_tiled(network, x, 24, 0.5) - whole)[inner].abs().max() / whole.abs().max()
    assert error < 0.05


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 30),
    slices=st.integers(1, 40),
    cuts=st.lists(st.integers(1, 29), max_size=5),
    plane=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    first=st.integers(0, 39),
)
def test_rows_that_come_in_pieces_are_resampled_as_the_whole(
    rows: int, slices: int, cuts: list[int], plane: tuple[int, int], first: int
) -> None:
    recipe = Recipe.model_validate(VOLUMES)
    first = min(first, slices - 1)
    logits = torch.randn(rows, 3, 5, 6, generator=torch.Generator().manual_seed(rows))
    probabilities = probabilities_of(logits, recipe)
    home = Homing(rows, (slices, *plane), recipe, first)
    begin = home.first_row
    bounds = sorted({begin, rows, *(cut for cut in cuts if begin < cut < rows)})
    found: list[Any] = []
    for start, stop in pairwise(bounds):
        found += home.push(start, probabilities[start:stop])
    expected = torch.nn.functional.interpolate(
        probabilities.transpose(0, 1)[None], (slices, *plane), mode="trilinear"
    )[0].argmax(0)[first:]
    labels = np.concatenate(found)
    assert labels.shape == (slices - first, *plane)
    assert (labels == expected.numpy()).mean() > 0.99


def test_a_resampled_volume_is_as_good_in_slabs(engine: Engine, tmp_path: Path) -> None:
    """Turned, cropped and resampled, in several slabs, against one window that holds it all."""
    taken = {
        **VOLUMES["input"],
        "spacing_mm": (1.0, 1.5, 1.5),
        "orientation": "LPS",
        "crop_to_nonzero": True,
    }
    volume = random_volume((40, 66, 60))
    direction = (0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    place = Geometry((2.0, 1.0, 1.0), (1.0, 2.0, 3.0), direction)
    volume = replace(volume, geometry=place)
    model = model_of(tmp_path, "m", {**VOLUMES, "input": taken})
    events = list(engine.stream(volume, model, EXACT))
    chunks = [event for event in events if isinstance(event, Chunk)]
    assert len(chunks) >= 2
    labels = np.concatenate([chunk.labels for chunk in chunks])
    np.testing.assert_array_equal(labels, events[-1].segmentation.labels)
    assert not labels[:3].any()  # what was cropped
    assert not labels[:, :5].any()
    assert not labels[:, :, -4:].any()
    whole = {**VOLUMES, "input": {**taken, "patch_size": (80, 80, 80)}}
    at_once = engine.segment(volume, model_of(tmp_path, "w", whole), EXACT).labels
    assert (labels == at_once).mean() > 0.5  # another window, and norms over it


def test_a_full_temporary_folder_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the room is taken, and not once the sums come, which ends the process by a signal."""

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OutputError, match=r"the temporary folder .*No space left.*Make room"):
        Stitcher(3, (8, 8), torch.ones(4, 4, 4), on_disk=True)
