"""What the card of a fine-tuned model says of its scores."""

from __future__ import annotations

from pathlib import Path

import layouts
import pytest
from models import small_recipe
from verified import nodule_model

from mambaseg.metrics import Row
from mambaseg.training import FineTuningConfig, FrameSplit, Run, finetune
from mambaseg.training.events import Started
from mambaseg.training.run_model import write_run_model
from mambaseg.training.run_state import RunState
from mambaseg.types.trained_model import ModelCard
from mambaseg.zoo import build_network, read_model


@pytest.mark.parametrize(
    ("scored", "said"), [(24, "24 of 30 held-out volumes"), (30, "30 held-out volumes")]
)
def test_it_names_what_was_scored(tmp_path: Path, scored: int, said: str) -> None:
    recipe = small_recipe()
    names = [f"case {number}" for number in range(30)]
    state = RunState(
        config=FineTuningConfig(model="parent", data="set"),
        recipe=recipe,
        parent="parent",
        parent_sha256="0",
        parent_card=ModelCard(),
        split=FrameSplit(training={"x": (0,)}, held_out=dict.fromkeys(names, (0,)), left_out={}),
        unit="volumes",
        kept={"nodule": 0.8},
        kept_rows=tuple(Row(name, None, "nodule", "Dice", 0.8, "") for name in names[:scored]),
    )
    model = write_run_model(Run(tmp_path), state, build_network(recipe))
    assert model.card.scores == {f"nodule: mean Dice on {said}": 0.8}


def test_whole_clips_are_counted_as_clips(tmp_path: Path) -> None:
    layouts.clips(tmp_path / "set", 3)
    parent = nodule_model(tmp_path, labels={1: "class 1"})
    config = FineTuningConfig(
        model=str(parent.path), data=str(tmp_path / "set"), budget={"steps": 1}
    )
    finished = finetune(config, tmp_path / "run", device="cpu")
    started = Run(tmp_path / "run").events()[0][0]
    assert isinstance(started, Started)
    assert started.unit == "clips"
    assert [change.of for change in finished.changes] == ["frames"]  # of the one clip
    card = read_model(finished.model).card
    assert list(card.scores) == ["class 1: mean Dice on 1 held-out clip"]
    assert not card.trained_frames
