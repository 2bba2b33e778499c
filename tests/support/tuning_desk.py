"""The Fine-tune panel, used as a person would, and frames for it to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from verified import disc_film

from mambaseg.corrections import find_store
from mambaseg.plugin.show import add_layers

MINUTES = 0.2


def verify(frames: list[int]) -> None:
    film, masks = disc_film()
    find_store(masks.label_set, film.channel_names).verify(film, masks, frames)


def verify_by_clicks(desk: Any, frames: list[int]) -> Any:
    """Add the film and its mask, and verify frames in the Correct panel; gives the mask's layer."""
    film, masks = disc_film()
    add_layers(desk.viewer, film, masks)
    mask = desk.viewer.layers[-1]
    desk.viewer.layers.selection.active = mask
    desk.menu("Layers", "Annotate", "Correct (mambaseg)")
    desk.wait(lambda: desk.panel("Correct").verify.isEnabled())
    verify_more(desk, frames)
    return mask


def verify_more(desk: Any, frames: list[int]) -> None:
    """Verify frames in the Correct panel, which is in sight."""
    correct = desk.panel("Correct")
    for frame in frames:
        desk.viewer.dims.set_current_step(0, frame)
        desk.wait(lambda frame=frame: f"frame {frame}" in correct.verify.text())
        desk.click(correct.verify)
    desk.wait(lambda: all(correct.map.states[frame] == "verified" for frame in frames))


def finetune(desk: Any) -> Any:
    desk.menu("Layers", "Segment", "Fine-tune (mambaseg)")
    panel = desk.panel("Fine-tune")
    desk.wait(lambda: panel.note.text() != "Looking for a run…" and bool(panel.session.models))
    return panel


def set_up(desk: Any, minutes: float = MINUTES) -> Any:
    panel = finetune(desk)
    desk.wait(lambda: panel.setup.frames.topLevelItemCount() > 0)
    panel.setup.model.setCurrentText("parent")
    panel.setup.budget.amount.setValue(minutes)
    desk.wait(lambda: "train" in panel.setup.about_frames.text())
    return panel


def started(desk: Any, minutes: float) -> Any:
    panel = set_up(desk, minutes)
    desk.click(panel.start)
    desk.wait(lambda: panel.tuning is not None and bool(panel.tuning.losses))
    return panel


def new_training(desk: Any, folder: Path) -> Any:
    panel = finetune(desk)
    panel.what.setCurrentText("Train new from folder")
    setup = panel.new_setup
    assert setup.isVisible()
    assert not panel.setup.isVisible()
    setup.folder.set_path(folder)
    return panel


def keep_as(desk: Any, panel: Any, name: str) -> None:
    desk.type(panel.view.decision.name, name)
    desk.click(panel.view.decision.keep)
    desk.wait(lambda: panel.tuning is None and panel.start.isVisible())
