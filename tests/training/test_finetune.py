"""Fine-tuning runs, small."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from verified import disc_film, nodule_model, verified_store

from mambaseg.corrections import Store
from mambaseg.training import FineTuningConfig, Run, finetune
from mambaseg.training.events import Failed, Progress, RunEvent, Started
from mambaseg.training.held_out_views import read_views
from mambaseg.training.run_state import load_state
from mambaseg.types import LabelSet, Segmentation
from mambaseg.types.errors import (
    IncompatibleWeightsError,
    MambasegError,
    OutputError,
    TrainingError,
    UnsupportedImageError,
)
from mambaseg.types.optimization import Cosine
from mambaseg.zoo import load_network, read_model

FRAMES = [2, 8, 14, 20, 26]
STEPS, VALIDATIONS = 240, 12


class Cut(Exception):  # noqa: N818 - what a kill does, without a process
    pass


def config(folder: Path, **changes: Any) -> FineTuningConfig:
    values = {
        "model": str(folder / "parent.safetensors"),
        "data": str(folder / "store"),
        **({"minutes": 0.03} if "budget" not in changes else {}),
        **changes,
    }
    return FineTuningConfig.model_validate(values)


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A folder with a model, and a store of five verified frames."""
    nodule_model(tmp_path)
    verified_store(tmp_path / "store", FRAMES)
    return tmp_path


def stop_after(run: Path, steps: int) -> Callable[[RunEvent], None]:
    def listen(event: RunEvent) -> None:
        if isinstance(event, Progress) and event.step >= steps:
            Run(run).request_stop()

    return listen


def test_it_learns_and_says_so(ready: Path) -> None:
    heard: list[RunEvent] = []

    def listen(event: RunEvent) -> None:
        heard.append(event)
        if isinstance(event, Progress) and event.dice and event.dice["nodule"] > 0.75:
            Run(ready / "run").request_stop()

    parent = read_model(ready / "parent.safetensors")
    before = {p: p.read_bytes() for p in (ready / "store").rglob("*.nrrd")}
    finished = finetune(
        config(ready, budget={"steps": STEPS}, learning_rate=3e-3),
        ready / "run",
        device="cpu",
        listen=listen,
    )
    events, offset = Run(ready / "run").events()
    assert events == heard
    assert Run(ready / "run").events(offset) == ([], offset)
    started, *middle, last = events
    assert isinstance(started, Started)
    assert started.parent_sha256 == parent.sha256
    assert not started.resumed
    assert started.split.n_training == 4
    assert started.split.held_out == {Store(ready / "store").cases()[0]: (26,)}
    assert started.before is not None
    assert last == finished == Run(ready / "run").outcome
    assert finished.reason == "stopped"
    assert finished.before == started.before
    assert finished.improved
    assert finished.after is not None
    assert finished.after["nodule"] > max(0.6, finished.before["nodule"])
    assert all(isinstance(event, Progress) for event in middle)
    validated = [e for e in middle if isinstance(e, Progress) and e.dice]
    assert len(validated) >= 2
    assert validated[-1].kept == finished.after["nodule"]
    better = [e.dice for e in validated if e.dice and e.dice["nodule"] > finished.before["nodule"]]
    assert better[-1] == finished.after
    assert validated[0].step <= STEPS // VALIDATIONS + 1

    model = read_model(finished.model)
    assert (model.name, model.sha256) == ("parent-finetuned", finished.sha256)
    assert model.card.parent_sha256 == parent.sha256
    assert "2, 8, 14, 20; held out" in model.card.training_data
    ((name, dice),) = model.card.scores.items()
    assert name == "nodule: mean Dice on 1 held-out frame"
    assert dice == finished.after["nodule"]
    load_network(model)
    assert {p: p.read_bytes() for p in (ready / "store").rglob("*.nrrd")} == before


def test_a_stop_is_obeyed_and_leaves_a_model(ready: Path) -> None:
    run = ready / "run"
    finished = finetune(config(ready, minutes=60), run, device="cpu", listen=stop_after(run, 3))
    assert finished.reason == "stopped"
    assert finished.step < 200
    load_network(read_model(finished.model))


def test_classes_that_no_held_out_frame_shows_have_no_score(tmp_path: Path) -> None:
    names = {1: "nodule", 2: "cyst"}
    nodule_model(tmp_path, labels=names)
    film, discs = disc_film()
    masks = np.array(discs.labels)
    masks[26] = 0
    store = Store(tmp_path / "store")
    store.verify(film, Segmentation(masks, "TYX", LabelSet.from_names(names)), FRAMES)
    case = store.cases()[0]

    def started(frame: int) -> Started:
        run = tmp_path / str(frame)
        changes = {"held_out": {case: [frame]}, "minutes": 0.01}
        finetune(config(tmp_path, **changes), run, device="cpu")
        (event,) = (e for e in Run(run).events()[0] if isinstance(e, Started))
        return event

    shows, empty = started(20), started(26)
    assert shows.before is not None
    assert list(shows.before) == ["nodule"]
    assert empty.before is None
    assert "is drawn on the held-out frames, so there will be no score" in empty.notes[0]


def test_weights_that_do_not_get_better_are_not_taken(ready: Path) -> None:
    finished = finetune(config(ready, learning_rate=1e-30), ready / "run", device="cpu")
    assert finished.reason == "time"
    assert finished.improved is False
    assert finished.after == finished.before
    old = load_network(read_model(ready / "parent.safetensors")).state_dict()
    for key, value in load_network(read_model(finished.model)).state_dict().items():
        assert torch.equal(value, old[key]), key


@pytest.mark.parametrize("labels", [{1: "cyst"}, {1: "nodule", 3: "vessel"}])
def test_other_classes_get_a_new_head(tmp_path: Path, labels: dict[int, str]) -> None:
    nodule_model(tmp_path)
    film, masks = disc_film()
    store = Store(tmp_path / "store")
    classes = LabelSet.from_names(labels)
    store.verify(film, Segmentation(masks.labels, "TYX", classes, film.geometry), FRAMES)
    run = tmp_path / "run"
    finished = finetune(config(tmp_path), run, device="cpu")
    started = Run(run).events()[0][0]
    assert isinstance(started, Started)
    assert started.new_weights == ("decoder.head.weight", "decoder.head.bias")
    assert started.before is None
    assert "2 weights start untrained" in started.notes[0]
    assert finished.improved is None
    assert finished.after is not None
    assert list(finished.after) == [labels[1]]  # the only one that is drawn
    assert read_model(finished.model).recipe.labels == labels


@pytest.mark.parametrize("frames", [[9], [9, 10]])
def test_too_few_frames_for_a_score(tmp_path: Path, frames: list[int]) -> None:
    nodule_model(tmp_path)
    verified_store(tmp_path / "store", frames)
    finished = finetune(config(tmp_path), tmp_path / "run", device="cpu")
    assert (finished.before, finished.after, finished.improved) == (None, None, None)
    started = Run(tmp_path / "run").events()[0][0]
    assert isinstance(started, Started)
    assert (
        "None of the frames is held out, so there will be no score: verify more" in started.notes[0]
    )
    model = read_model(finished.model)
    assert not model.card.scores
    old = load_network(read_model(tmp_path / "parent.safetensors")).state_dict()
    assert any(not torch.equal(v, old[k]) for k, v in load_network(model).state_dict().items())


def _no_store(folder: Path) -> dict[str, Any]:
    return {"data": str(folder / "nowhere")}


def _none_verified(folder: Path) -> dict[str, Any]:
    store = Store(folder / "store")
    store.unverify(store.cases()[0], FRAMES)
    return {}


def _all_empty(folder: Path) -> dict[str, Any]:
    film, masks = disc_film()
    empty = Segmentation(np.zeros((30, 48, 60), np.uint8), "TYX", masks.label_set, film.geometry)
    Store(folder / "store").verify(film, empty, FRAMES)
    return {}


def _other_channels(folder: Path) -> dict[str, Any]:
    nodule_model(folder, channels=("a", "b"), mean=(0.5, 0.5), std=(0.2, 0.2))
    return {}


def _no_model(folder: Path) -> dict[str, Any]:
    (folder / "parent.safetensors").unlink()
    return {}


def _unverified_held_out(folder: Path) -> dict[str, Any]:
    return {"held_out": {Store(folder / "store").cases()[0]: (3,)}}


def _all_held_out(folder: Path) -> dict[str, Any]:
    return {"held_out": {Store(folder / "store").cases()[0]: tuple(FRAMES)}}


def _cut_store(folder: Path) -> dict[str, Any]:
    (file,) = (folder / "store" / "labelsTr").iterdir()
    file.write_bytes(file.read_bytes()[:500])
    return {}


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (_no_store, TrainingError, "There is no folder .*nowhere"),
        (_none_verified, TrainingError, "store holds no verified frames.*verify some"),
        (_all_empty, TrainingError, "4 training frames .* are all empty.*Verify frames that show"),
        (_other_channels, UnsupportedImageError, "has 3 channels"),
        (_no_model, IncompatibleWeightsError, "no model file .*parent"),
        (_unverified_held_out, TrainingError, r"Frames \[3\] .* cannot be held out"),
        (_all_held_out, TrainingError, "none is left to train"),
        (_cut_store, MambasegError, "damaged"),
    ],
)
def test_bad_input_gets_a_sentence_here_and_in_the_events(
    ready: Path, spoil: Callable[[Path], dict[str, Any]], error: type[Exception], message: str
) -> None:
    changes = spoil(ready)
    with pytest.raises(error, match=message) as caught:
        finetune(config(ready, **changes), ready / "run", device="cpu")
    outcome = Run(ready / "run").outcome
    assert isinstance(outcome, Failed)
    assert outcome.message == str(caught.value)
    assert not list((ready / "run").glob("*.safetensors"))
    assert not Run(ready / "run").alive


def test_a_run_that_was_cut_off_goes_on_even_without_its_parent(ready: Path) -> None:
    run = ready / "run"

    def cut(event: RunEvent) -> None:
        if isinstance(event, Progress) and event.dice:
            raise Cut

    with pytest.raises(Cut):
        finetune(config(ready, minutes=0.06), run, device="cpu", listen=cut)
    load_network(read_model(run / "model.safetensors"))
    state, _, moments, _ = load_state(run / "state.safetensors")
    assert state.step >= 1
    assert moments[0]["exp_avg"].abs().sum() > 0
    (ready / "parent.safetensors").unlink()
    with pytest.raises(TrainingError, match="was started with name None: start it with the same"):
        finetune(config(ready, name="other"), run, device="cpu")
    finished = finetune(config(ready, minutes=0.06), run, device="cpu")
    assert finished.step > state.step
    starts = [e for e in Run(run).events()[0] if isinstance(e, Started)]
    assert [e.resumed for e in starts] == [False, True]
    assert starts[0].split == starts[1].split
    (change,) = finished.changes
    assert starts[0].before == finished.before == {"nodule": change.before}
    views = read_views(Run(run).views_file)
    assert views is not None
    assert set(views.views[0].masks) == {"before", "now", "kept"}
    with pytest.raises(TrainingError, match="has finished; its model is .*Choose another folder"):
        finetune(config(ready), run, device="cpu")


def test_frames_that_are_not_verified_any_more(ready: Path) -> None:
    run = ready / "run"

    def cut(event: RunEvent) -> None:
        raise Cut

    with pytest.raises(Cut):
        finetune(config(ready), run, device="cpu", listen=cut)
    store = Store(ready / "store")
    store.unverify(store.cases()[0], [8])
    with pytest.raises(TrainingError, match=r"Frames \[8\] .* are not verified any more"):
        finetune(config(ready), run, device="cpu")


def test_a_full_disk_leaves_what_was_saved(ready: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits of files are POSIX's")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    run = ready / "run"

    def fill(event: RunEvent) -> None:
        if isinstance(event, Started):
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))

    try:
        with pytest.raises(OutputError, match="Cannot write .*run"):
            finetune(config(ready), run, device="cpu", listen=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert isinstance(Run(run).outcome, Failed)
    load_network(read_model(run / "model.safetensors"))
    assert finetune(config(ready), run, device="cpu").step > 0


def test_divergence_keeps_the_weights_from_before(ready: Path) -> None:
    wild = config(ready, learning_rate=1e30, gradient_clip=1e30)
    with pytest.raises(MambasegError, match="not a number|not numbers"):
        finetune(wild, ready / "run", device="cpu")
    old = load_network(read_model(ready / "parent.safetensors")).state_dict()
    model = read_model(ready / "run" / "model.safetensors")
    assert torch.equal(
        load_network(model).state_dict()["decoder.head.bias"], old["decoder.head.bias"]
    )


def test_a_damaged_state(ready: Path) -> None:
    (ready / "run").mkdir()
    (ready / "run" / "state.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(TrainingError, match="is damaged, so the run cannot go on"):
        finetune(config(ready), ready / "run", device="cpu")


def test_a_run_is_known_to_be_alive_and_has_its_folder_alone(ready: Path) -> None:
    run = Run(ready / "run")
    assert not run.alive
    with run.running():
        assert run.alive
        with pytest.raises(TrainingError, match="Another process is already training"):
            finetune(config(ready), run.path, device="cpu")
    assert not run.alive


def test_a_folder_that_cannot_be_written(ready: Path) -> None:
    (ready / "file").touch()
    with pytest.raises(OutputError, match="Cannot write into the run's folder"):
        finetune(config(ready), ready / "file" / "run", device="cpu")


def test_the_rate_rises_and_falls() -> None:
    rates = [Cosine(warm_up=0.05, lowest=0.01).rate(x) for x in (0, 0.025, 0.05, 0.5, 1, 1.5)]
    assert rates == pytest.approx([0.01, 0.5, 1, 0.5459, 0.01, 0.01], abs=1e-3)
