"""Round after round of fine-tuning measures on frames that none of its models has learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from verified import disc_film, nodule_model, verified_store

from mambaseg.training import FineTuningConfig, Run, finetune
from mambaseg.training.events import Started
from mambaseg.types.trained_model import ModelCard
from mambaseg.zoo import read_model

FRAMES = [2, 8, 14, 20, 26]


def tuned(folder: Path, model: str, name: str, **changes: Any) -> Started:
    """Fine-tune for a step; gives the first event."""
    config = FineTuningConfig(
        model=str(folder / model), data=str(folder / "store"), budget={"steps": 1}, **changes
    )
    finetune(config, folder / name, device="cpu")
    (started,) = (e for e in Run(folder / name).events()[0] if isinstance(e, Started))
    return started


def test_a_second_round_holds_out_what_the_first_did_not_learn(tmp_path: Path) -> None:
    nodule_model(tmp_path)
    store = verified_store(tmp_path / "store", FRAMES)
    (case,) = store.cases()
    first = tuned(tmp_path, "parent.safetensors", "one")
    assert first.split.held_out == {case: (26,)}
    card = read_model(tmp_path / "one/model.safetensors").card
    assert card.trained_frames == {case.rpartition("_")[2]: (2, 8, 14, 20)}

    film, masks = disc_film()
    store.verify(film, masks, [5, 29])  # 5 is one of no clip of 3 with 2 or 8; 29 is a new end
    second = tuned(tmp_path, "one/model.safetensors", "two")
    assert second.split.held_out == {case: (29,)}
    assert not [note for note in second.notes if "has learnt from" in note]
    card = read_model(tmp_path / "two/model.safetensors").card
    assert card.trained_frames == {case.rpartition("_")[2]: (2, 5, 8, 14, 20, 26)}


def test_held_out_frames_that_the_parent_knows_are_told(tmp_path: Path) -> None:
    nodule_model(tmp_path)
    (case,) = verified_store(tmp_path / "store", [2, 3, 9, 14]).cases()
    tuned(tmp_path, "parent.safetensors", "one", held_out={case: (14,)})
    second = tuned(tmp_path, "one/model.safetensors", "two", held_out={case: (9, 14)})
    (note,) = (note for note in second.notes if "has learnt from" in note)
    assert "parent-finetuned has learnt from 1 of the 2 held-out frames before" in note


def test_older_cards_are_read(tmp_path: Path) -> None:
    old = {"format_version": 2, "description": "old", "data_sha256": {"a": "0"}}
    card = ModelCard.parse(old, "old.safetensors")
    assert card.trained_frames == {}
    assert card.data_sha256 == {"a": "0"}
