"""Pictures and volumes: windows, blending, geometry, regions, and what does not fit."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from models import PICTURES, VOLUMES, model_of, random_clip, random_volume, small_model
from monai.inferers.utils import sliding_window_inference

from mambaseg.data import read_image
from mambaseg.data.network_grid import NetworkGrid, nonzero_box
from mambaseg.inference import CancelToken, Chunk, Engine, Finished, Options, Progress
from mambaseg.inference.classes import labels_from_probabilities
from mambaseg.inference.logits import segmentation_logits
from mambaseg.types import Geometry, MedicalImage
from mambaseg.types.errors import (
    Cancelled,
    IncompatibleWeightsError,
    InvalidOptionError,
    UnsupportedImageError,
)
from mambaseg.types.network_input import VolumeInput
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import load_network, write_model
from mambaseg.zoo.default_recipes import default_recipe

EXACT = Options(precision="float32")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    return model_of(tmp_path_factory.mktemp("m"), "pictures", PICTURES)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    return model_of(tmp_path_factory.mktemp("m"), "volumes", VOLUMES)


def still(size: tuple[int, int] = (48, 60)) -> MedicalImage:
    clip = random_clip(1, size)
    return MedicalImage(clip.array[:, 0], "CYX", channel_names=clip.channel_names, source="a.png")


def test_a_picture_is_scaled_as_the_authors_do(engine: Engine, pictures: TrainedModel) -> None:
    image = still()
    events = list(engine.stream(image, pictures, EXACT))
    assert [type(event) for event in events] == [Chunk, Progress, Finished]
    found = events[-1].segmentation
    x = torch.from_numpy(image.array.astype(np.float32))[None]
    x = (x - x.min()) / (x.max() - x.min()) * 255
    x = F.interpolate(x, (32, 40), mode="bilinear", antialias=True)
    with torch.inference_mode():
        p = load_network(pictures)(x).sigmoid()
    p = F.interpolate(p, (48, 60), mode="bilinear")[0, 0]
    assert found.axes == "YX"
    assert 0.01 < found.labels.mean() < 0.99
    assert (found.labels == (p >= 0.5).numpy()).mean() > 0.999


def test_a_picture_model_takes_a_film_frame_by_frame(
    engine: Engine, pictures: TrainedModel
) -> None:
    clip = random_clip(4)
    events = list(engine.stream(clip, pictures, Options(frames=range(1, 4))))
    assert [e.start for e in events if isinstance(e, Chunk)] == [1, 2, 3]
    labels = events[-1].segmentation.labels
    one = MedicalImage(clip.array[:, 2], "CYX", channel_names=clip.channel_names)
    np.testing.assert_array_equal(labels[2], engine.segment(one, pictures).labels)
    assert not labels[0].any()


def test_a_volume_slice_by_slice_only_if_asked(engine: Engine, pictures: TrainedModel) -> None:
    volume = random_volume(channels=1)
    with pytest.raises(UnsupportedImageError, match=r"blobs\.nii is a single volume.*slice by sl"):
        engine.segment(volume, pictures)
    events = list(engine.stream(volume, pictures, Options(by_slice=True)))
    progress = [event for event in events if isinstance(event, Progress)]
    assert (progress[-1].done, progress[-1].total, progress[-1].unit) == (40, 40, "slices")
    found = events[-1].segmentation
    assert (found.axes, found.geometry) == ("ZYX", volume.geometry)
    with pytest.raises(InvalidOptionError, match="leave that option"):
        engine.segment(still(), pictures, Options(by_slice=True))


@pytest.mark.parametrize("blending", ["gaussian", "constant"])
@pytest.mark.parametrize("overlap", [0.5, 0.25])
def test_windows_equal_monais(
    engine: Engine, tmp_path: Path, blending: str, overlap: float
) -> None:
    taken = {**VOLUMES["input"], "blending": blending, "overlap": overlap}
    model = model_of(tmp_path, "m", {**VOLUMES, "input": taken})
    volume = random_volume()
    events = list(engine.stream(volume, model, EXACT))
    x = torch.from_numpy(np.asarray(volume.array))
    x = (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True, correction=0)
    with torch.inference_mode():
        expected = sliding_window_inference(
            x[None], (32, 32, 32), 1, load_network(model), overlap=overlap, mode=blending
        )
    found = events[-1].segmentation
    assert (found.labels == expected.argmax(1)[0].numpy()).mean() > 0.9999
    assert len(np.unique(found.labels)) > 1
    windows = [event for event in events if isinstance(event, Progress)]
    assert [event.done for event in windows] == list(range(1, len(windows) + 1))
    assert windows[0].total == len(windows) >= 8
    assert windows[0].unit == "windows"


def test_mirrored_windows_are_averaged(engine: Engine, volumes: TrainedModel) -> None:
    volume = random_volume((32, 32, 32))
    network = load_network(volumes)
    x = torch.from_numpy(np.asarray(volume.array))
    x = ((x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True, correction=0))[None]
    dims = [(), (2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4)]
    with torch.inference_mode():
        expected = sum(network(x.flip(d)).flip(d) for d in dims).argmax(1)[0].numpy()
    found = engine.segment(volume, volumes, replace(EXACT, mirror=True))
    assert (found.labels == expected).mean() > 0.9999
    assert found.provenance.options["mirrorings"] == 8
    assert (engine.segment(volume, volumes, EXACT).labels != expected).any()


def test_cancel_between_windows_leaves_a_usable_engine(
    engine: Engine, volumes: TrainedModel
) -> None:
    cancel = CancelToken()
    events = engine.stream(random_volume(), volumes, cancel=cancel)
    assert isinstance(next(events), Progress)
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(events)
    assert engine.segment(random_volume((32, 32, 32)), volumes).labels.any()


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (1, -1, -1)])
def test_turned_volumes_come_back_exactly(
    order: tuple[int, int, int], signs: tuple[int, int, int]
) -> None:
    """A volume stored with any axes shows the network the same, and labels lie where they were."""
    random = np.random.default_rng(0)
    patient = random.normal(size=(5, 6, 7)).astype(np.float32)  # axes S, P, L
    patient[0] = 0
    # Stored array axis i runs along patient axis order[i], in the direction signs[i].
    stored = np.flip(patient.transpose(order), [i for i in range(3) if signs[i] < 0])
    lps = {0: 2, 1: 1, 2: 0}  # patient axes S, P, L as rows of LPS
    direction = np.zeros((3, 3))
    for i in range(3):  # the columns are x, y, z, which are the array's axes 2, 1, 0
        direction[lps[order[i]], 2 - i] = signs[i]
    geometry = Geometry((1.0, 2.0, 3.0), (0.0, 0.0, 0.0), tuple(direction.ravel()))
    wanted = VolumeInput(patch_size=(4, 4, 4), orientation="SPL", crop_to_nonzero=True)
    grid = NetworkGrid.of(stored.shape, geometry, wanted, nonzero_box([stored]))
    seen = grid.turned(torch.from_numpy(stored[grid.box].copy()))
    np.testing.assert_array_equal(seen, patient[1:])
    np.testing.assert_array_equal(grid.turned_back(seen), stored[grid.box])
    assert grid.seen_size == (4, 6, 7)
    place = (slice(0, 2), slice(3, 6), slice(1, 7))
    part = torch.from_numpy(stored[grid.box][grid.stored(place)].copy())
    np.testing.assert_array_equal(grid.turned(part), patient[1:][place])


def test_a_resampled_volume_comes_back_on_its_own_grid(engine: Engine, tmp_path: Path) -> None:
    taken = {**VOLUMES["input"], "spacing_mm": (1.0, 1.0, 1.0), "orientation": "SPL"}
    model = model_of(tmp_path, "m", {**VOLUMES, "input": {**taken, "patch_size": (48, 48, 48)}})
    volume = random_volume((20, 44, 36))
    found = engine.segment(volume, model, EXACT)
    assert found.labels.shape == (20, 44, 36)
    assert found.geometry == volume.geometry
    assert found.provenance.options["window"] == [40, 44, 36]
    flipped = np.flip(np.asarray(volume.array), 1)
    direction = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
    turned = replace(volume, array=flipped, geometry=replace(volume.geometry, direction=direction))
    np.testing.assert_array_equal(
        np.asarray(engine.segment(turned, model, EXACT).labels)[::-1], found.labels
    )


def test_a_volume_thinner_than_a_network_can_see(tmp_path: Path) -> None:
    thin = {
        **VOLUMES,
        "network": "log_vmamba_3d",
        "arguments": {"widths": [16] * 5, "image_size": [32, 64, 32], "resample_tokens": True},
    }
    network = load_network(model_of(tmp_path, "thin", thin))
    x = torch.randn(1, 2, 20, 40, 33)
    with torch.no_grad():
        found = segmentation_logits(network, x, "volume")
        mirrored = network(torch.cat([x, x.flip(2)[:, :, :12]], dim=2))
    assert torch.equal(found, mirrored[:, :, :20])
    small = torch.randn(1, 2, 20, 20, 20)  # whose deepest map would be a single voxel
    with torch.no_grad():
        assert segmentation_logits(network, small, "volume").shape[2:] == small.shape[2:]
        thin["arguments"]["resample_tokens"] = False  # in windows, which are large enough
        network, x = (
            load_network(model_of(tmp_path, "windows", thin)),
            torch.randn(1, 2, 32, 32, 32),
        )
        assert torch.equal(segmentation_logits(network, x, "volume"), network(x))


def test_z_scores_over_what_is_not_zero(engine: Engine, tmp_path: Path) -> None:
    content = {**VOLUMES, "intensity": {"rule": "z_score", "over": "nonzero"}}
    model = model_of(tmp_path, "m", content)
    volume = random_volume((32, 32, 32))
    x = np.asarray(volume.array).copy()
    for channel in x:
        inside = channel != 0
        channel[inside] = (channel[inside] - channel[inside].mean()) / channel[inside].std()
    with torch.inference_mode():
        expected = load_network(model)(torch.from_numpy(x)[None]).argmax(1)[0].numpy()
    assert (engine.segment(volume, model, EXACT).labels == expected).mean() > 0.9999


def test_regions_overwrite_in_their_order() -> None:
    recipe = default_recipe("log_vmamba_3d")  # channels: tumour core, whole tumour, enhancing
    p = torch.tensor([[0, 1, 0], [1, 1, 0], [1, 1, 1], [0, 0, 1], [1, 0, 0], [0, 0, 0]]).float()
    labels = labels_from_probabilities(p.T[None, :, :, None, None], recipe)
    assert labels.ravel().tolist() == [2, 1, 3, 3, 1, 0]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (still(), "single image .* takes a volume"),
        (random_clip(3), "single video .* takes a volume"),
        (random_volume(channels=1), r"1 channel \('t1',\), but this model takes 2 .*for each"),
        (random_volume((4, 8, 8)), "does not take windows of 4 x 8 x 8 voxels"),
    ],
)
def test_what_a_volume_model_does_not_take(
    image: MedicalImage, message: str, engine: Engine, volumes: TrainedModel
) -> None:
    with pytest.raises(UnsupportedImageError, match=message):
        engine.segment(image, volumes)


def test_a_video_model_takes_no_volume(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImageError, match="single volume .* takes a video"):
        engine.segment(random_volume(channels=1), small_model(tmp_path))


def test_channels_are_taken_by_name(engine: Engine, volumes: TrainedModel) -> None:
    volume = random_volume((32, 32, 32))
    swapped = replace(volume, array=np.asarray(volume.array)[::-1], channel_names=("t2", "t1"))
    np.testing.assert_array_equal(
        engine.segment(swapped, volumes).labels, engine.segment(volume, volumes).labels
    )


def test_an_untrained_model_is_refused(
    engine: Engine, pictures: TrainedModel, tmp_path: Path
) -> None:
    model = write_model(
        tmp_path / "new.safetensors",
        load_network(pictures).state_dict(),
        name="new",
        recipe=pictures.recipe,
        card=pictures.card.model_copy(update={"untrained": ("decoder",)}),
    )
    with pytest.raises(IncompatibleWeightsError, match=r"not trained yet \(decoder.*fine-tune"):
        engine.segment(still(), model)


def test_what_is_no_number_is_taken_for_zero(engine: Engine, volumes: TrainedModel) -> None:
    volume = random_volume((32, 32, 32))
    array = np.asarray(volume.array)
    odd = np.where(array == 0, np.nan, array)
    np.testing.assert_array_equal(
        engine.segment(replace(volume, array=odd), volumes).labels,
        engine.segment(volume, volumes).labels,
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [(0.0, "nothing but the intensity 0"), (7.0, "intensity 7"), (np.nan, "that are not numbers")],
)
def test_an_image_that_shows_nothing(
    value: float, message: str, engine: Engine, volumes: TrainedModel
) -> None:
    volume = random_volume((32, 32, 32))
    array: Any = np.full(volume.array.shape, value, np.float32)
    with pytest.raises(UnsupportedImageError, match=rf"blobs\.nii .*{message}"):
        engine.segment(replace(volume, array=array), volumes)


def test_an_empty_image(engine: Engine, pictures: TrainedModel) -> None:
    image = MedicalImage(np.zeros((3, 0, 5), np.uint8), "CYX", channel_names=("r", "g", "b"))
    with pytest.raises(UnsupportedImageError, match=r"is empty \(shape \(3, 0, 5\)\)"):
        engine.segment(image, pictures)


def test_a_series_of_volumes(engine: Engine, volumes: TrainedModel) -> None:
    """Each of them as by itself."""
    one = random_volume((36, 40, 32))
    other = replace(one, array=np.asarray(one.array)[:, ::-1].copy())
    both = np.stack([np.asarray(one.array), np.asarray(other.array)], axis=1)
    series = replace(
        one, array=both, axes="CTZYX", geometry=replace(one.geometry, frame_times_s=(0.0, 1.0))
    )
    events = list(engine.stream(series, volumes))
    chunks = [event for event in events if isinstance(event, Chunk)]
    assert [(chunk.start, chunk.labels.shape) for chunk in chunks] == [
        (0, (1, 36, 40, 32)),
        (1, (1, 36, 40, 32)),
    ]
    found = events[-1].segmentation
    assert (found.axes, found.geometry) == ("TZYX", series.geometry)
    for labels, volume in zip(found.labels, (one, other), strict=True):
        np.testing.assert_array_equal(labels, engine.segment(volume, volumes).labels)


def test_a_real_head(engine: Engine, volumes: TrainedModel, shared: Path) -> None:
    """BraTS: four files on one grid; the labels lie on it."""
    folder = shared / "data" / "brats2021_00006"
    t1 = read_image(folder / "BraTS2021_00006_t1.nii.gz")
    t2 = read_image(folder / "BraTS2021_00006_t2.nii.gz")
    array = np.concatenate([np.asarray(t1.array), np.asarray(t2.array)])[:, 60:100, 100:140, 90:130]
    image = MedicalImage(array, "CZYX", t1.geometry, ("t1", "t2"))
    found = engine.segment(image, volumes)
    assert found.labels.shape == (40, 40, 40)
    assert found.geometry == t1.geometry


def test_a_real_picture(engine: Engine, pictures: TrainedModel, shared: Path) -> None:
    folder = shared / "data" / "kvasir_seg_352"
    path = next(p for p in sorted(folder.rglob("*")) if p.suffix in (".png", ".jpg"))
    image = read_image(path)
    assert engine.segment(image, pictures).labels.shape == image.spatial_shape
