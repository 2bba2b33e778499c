"""A copy of a model that learns what was corrected, and whether it is let to help."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from models import PICTURES, VOLUMES, model_of, random_volume
from patience import PATIENCE_S
from scripted_copy import ScriptedCopy
from verified import disc_film, nodule_model

from mambaseg.corrections import Store, content_digest
from mambaseg.service import InProcessService, call_at_once
from mambaseg.session import (
    Adaptation,
    Carrying,
    Ingredients,
    Worker,
    adapting,
    run_folders,
)
from mambaseg.session.adapting import left_out
from mambaseg.session.copies_folder import copies_folder, own_folder
from mambaseg.types import LabelSet, MedicalImage
from mambaseg.types.errors import MambasegError, OutputError, TrainingError
from mambaseg.types.optimization import Budget
from mambaseg.types.trained_model import TrainedModel

N_FRAMES = 13
KNOWN = (1, 3, 6, 9, 11)
OPEN = sorted(set(range(N_FRAMES)) - set(KNOWN))


class Ended(NamedTuple):
    outcome: str | Exception
    alone: dict[int, np.ndarray]
    helped: dict[int, np.ndarray]
    texts: list[str]


@pytest.fixture
def service() -> Iterator[InProcessService]:
    made = InProcessService()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))


def copies() -> list[Path]:
    """What is left of copies."""
    return [path for path in copies_folder().iterdir() if path.is_dir()]


def carry(
    model: TrainedModel,
    service: InProcessService,
    worker: Worker,
    frames: Any = KNOWN,
    stop_at: str = "",
    clip: tuple[MedicalImage, np.ndarray] | None = None,
) -> Ended:
    film, masks = clip or (disc_film(N_FRAMES)[0], disc_film(N_FRAMES)[1].labels)
    carrying = Carrying(worker, worker, call_at_once, film)
    alone, helped = {}, {}
    texts: list[str] = []
    ends: queue.SimpleQueue[str | Exception] = queue.SimpleQueue()

    def changed() -> None:
        if carrying.active and carrying.text not in texts[-1:]:
            texts.append(carrying.text)
        if stop_at and carrying.active and stop_at in carrying.text:
            carrying.stop()
            ends.put("stopped")

    carrying.arrived.connect(lambda n, mask, name: (helped if name else alone).update({n: mask}))
    carrying.changed.connect(changed)
    carrying.ended.connect(ends.put)
    carrying.failed.connect(ends.put)
    labels = LabelSet.from_names(model.recipe.labels)
    of = Ingredients(model, film, labels, service, call_at_once)
    carrying.start({frame: masks[frame] for frame in frames}, Adaptation(of))
    return Ended(ends.get(timeout=2 * PATIENCE_S), alone, helped, texts)


@pytest.mark.parametrize(
    ("known", "learnt", "margin", "wanted"),
    [
        ((1, 2), (), 0, []),
        ((1, 5, 9), (), 2, [5]),
        ((9, 1, 5), (5,), 0, []),
        ((1, 3, 5, 7, 9), (), 1, [5]),
        ((1, 3, 5, 7, 9), (5,), 1, [7]),
        (range(8), (), 0, [2, 5]),
        (range(0, 120, 10), (), 2, [20, 60, 90]),
        ((10, 11, 12), (), 2, []),
        ((10, 12, 14), (), 2, []),
        ((10, 12, 40), (), 2, []),
        ((10, 12, 40, 41, 42), (), 2, [40]),
    ],
)
def test_a_quarter_of_the_inner_frames_is_left_out(
    known: Any, learnt: Any, margin: int, wanted: list[int]
) -> None:
    out, rest = left_out(known, learnt, margin)
    assert out == wanted
    far = [n for n in sorted(known) if all(abs(n - one) > margin for one in out)]
    assert rest == (far if out else [])


class Scripted(ScriptedCopy):
    """Finds what the test wants, and takes note of what it was to leave out."""

    found: np.ndarray
    lessons: list[tuple[int, ...]]

    def learn(self, held_out: Any, budget: Budget, told: Any) -> None:
        self.lessons.append(tuple(held_out))
        super().learn(held_out, budget, told)

    def answer(self, frame: int) -> np.ndarray:
        return self.found[frame]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[Scripted]:
    Scripted.lessons = []
    monkeypatch.setattr(adapting, "ModelCopy", Scripted)
    return Scripted


def dice(masks: dict[int, np.ndarray], true: np.ndarray) -> float:
    pairs = [(mask > 0, true[frame] > 0) for frame, mask in masks.items()]
    return float(np.mean([2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in pairs]))


def test_it_helps_where_frames_left_out_say_so(
    tmp_path: Path, service: InProcessService, worker: Worker, scripted: type[Scripted]
) -> None:
    true = disc_film(N_FRAMES)[1].labels
    scripted.found = true
    ended = carry(nodule_model(tmp_path), service, worker)
    assert scripted.lessons == [(6,), ()]
    assert sorted(ended.alone) == sorted(ended.helped) == OPEN
    assert dice(ended.helped, true) > dice(ended.alone, true)
    assert "A copy of parent helps (Dice" in str(ended.outcome)
    assert "on frame 6, left out" in str(ended.outcome)
    assert ended.texts[0] == "Carrying…"
    assert ended.texts[1:] == [
        "Keeping a copy of the clip to learn from…",
        "A copy of parent learns…",
        "Comparing on the frames left out…",
        "It learns the frames left out…",
        "Carried masks move towards what it finds…",
    ]


def test_what_is_carried_stays_where_it_does_not_help(
    tmp_path: Path, service: InProcessService, worker: Worker, scripted: type[Scripted]
) -> None:
    scripted.found = np.roll(disc_film(N_FRAMES)[1].labels, 20, axis=1)
    ended = carry(nodule_model(tmp_path), service, worker)
    assert scripted.lessons == [(6,)]
    assert sorted(ended.alone) == OPEN
    assert ended.helped == {}
    assert "A copy of parent does not help (Dice" in str(ended.outcome)


@pytest.mark.parametrize("frames", [(4,), (4, 9)])
def test_two_frames_are_too_few(
    tmp_path: Path, service: InProcessService, worker: Worker, frames: Any
) -> None:
    ended = carry(nodule_model(tmp_path), service, worker, frames)
    assert len(ended.alone) == N_FRAMES - len(frames)
    assert ended.helped == {}
    assert "3 corrected frames are needed to see whether parent helps" in str(ended.outcome)


def test_a_model_is_not_measured_on_what_it_has_learnt(
    tmp_path: Path, service: InProcessService, worker: Worker
) -> None:
    store = Store(tmp_path / "Dataset001_film")
    film, masks = disc_film(N_FRAMES)
    digest = content_digest(store.verify(film, masks, KNOWN))
    model = nodule_model(tmp_path, trained_frames={digest: KNOWN})
    ended = carry(model, service, worker)
    assert "that the model has not learnt before" in str(ended.outcome)
    assert copies() == []


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapting, "_TRIAL", Budget(steps=40))
    monkeypatch.setattr(adapting, "_REST", Budget(steps=5))


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_a_copy_learns_in_its_own_process_and_is_gone_after_it(
    tmp_path: Path, service: InProcessService, worker: Worker
) -> None:
    model = nodule_model(tmp_path)
    before = model.path.read_bytes()
    ended = carry(model, service, worker)
    assert "(Dice" in str(ended.outcome), ended.outcome
    assert bool(ended.helped) == ("does not help" not in str(ended.outcome))
    assert model.path.read_bytes() == before
    assert copies() == []


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize(("content", "channels"), [(VOLUMES, 2), (PICTURES, 1)])
def test_slices_of_a_volume_are_learnt(
    tmp_path: Path,
    service: InProcessService,
    worker: Worker,
    content: dict[str, Any],
    channels: int,
) -> None:
    model, volume = model_of(tmp_path, "volumes", content), random_volume(channels=channels)
    masks = (np.asarray(volume.array[0]) > 110).astype(np.uint8)
    ended = carry(model, service, worker, (5, 15, 30), clip=(volume, masks))
    assert "(Dice" in str(ended.outcome), ended.outcome
    assert len(ended.alone) == len(masks) - 3


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_stopped_while_it_learns_it_leaves_nothing(
    tmp_path: Path, service: InProcessService, worker: Worker
) -> None:
    ended = carry(nodule_model(tmp_path), service, worker, stop_at="learns")
    assert ended.outcome == "stopped"
    assert sorted(ended.alone) == OPEN
    done: queue.SimpleQueue[bool] = queue.SimpleQueue()
    worker.submit(lambda task: None, lambda _: done.put(True), pytest.fail)
    assert done.get(timeout=PATIENCE_S)
    assert copies() == []


@pytest.mark.slow
def test_a_model_that_is_gone_is_named(
    tmp_path: Path, service: InProcessService, worker: Worker
) -> None:
    model = nodule_model(tmp_path)
    model.path.unlink()
    ended = carry(model, service, worker)
    assert isinstance(ended.outcome, MambasegError)
    assert str(model.path) in str(ended.outcome)
    assert sorted(ended.alone) == OPEN
    assert copies() == []


@pytest.mark.slow
def test_a_training_that_dies_is_told(
    tmp_path: Path,
    service: InProcessService,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_folders, "finetune_command", lambda config, run: ["false"])
    ended = carry(nodule_model(tmp_path), service, worker)
    assert isinstance(ended.outcome, TrainingError)
    assert "ended of itself" in str(ended.outcome)
    assert copies() == []


def test_what_a_killed_viewer_left_goes_and_what_another_holds_stays() -> None:
    with own_folder() as others:
        left = copies_folder() / "left"
        (left / "Dataset001_clip").mkdir(parents=True)
        with own_folder() as ours:
            assert set(copies()) == {others, ours}
        assert copies() == [others]
    assert copies() == []


def test_a_folder_that_cannot_be_written_is_named() -> None:
    copies_folder().parent.mkdir(parents=True)
    copies_folder().write_text("not a folder")
    with pytest.raises(OutputError, match="cannot be put into .*copies"), own_folder():
        pass
