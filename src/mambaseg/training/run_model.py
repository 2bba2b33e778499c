"""The model that a fine-tuning run leaves, with what is known about it."""

from __future__ import annotations

from torch import nn

from mambaseg.training.events import Dice
from mambaseg.training.learnt import with_learnt
from mambaseg.training.run import Run
from mambaseg.training.run_state import RunState
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import write_model

__all__ = ["write_run_model"]

_MOST_NAMES = 20


def write_run_model(run: Run, state: RunState, network: nn.Module) -> TrainedModel:
    """Write weights as the run's model, whole or not at all.

    Parameters
    ----------
    run : Run
    state : RunState
        Whose `kept` is the Dice of these very weights.
    network : Module

    Raises
    ------
    IncompatibleWeightsError
        If a weight is not finite in half precision.
    OutputError
        If it cannot be written.
    """
    parent, split = state.parent_card, state.split
    scored_on = _scored_on(state)

    def named(dice: Dice | None) -> Dice:
        return {f"{name}: mean Dice on {scored_on}": value for name, value in (dice or {}).items()}

    card = parent.model_copy(
        update={
            "description": f"Fine-tuned from {state.parent} by its user.",
            "intended_use": parent.intended_use or "Not for clinical use.",
            "training_data": f"{_words(state)} Before that: {parent.training_data or 'not known.'}",
            "scores": named(state.kept),
            "parent_sha256": state.parent_sha256,
            "parent_scores": named(state.before),
            "data_sha256": state.data_sha256,
            "trained_frames": with_learnt(parent, split.training if state.by_frame else {}),
            "untrained": (),
        }
    )
    name = state.config.name or f"{state.parent}-finetuned"
    return write_model(
        run.model_file, network.state_dict(), name=name, recipe=state.recipe, card=card
    )


def _scored_on(state: RunState) -> str:
    """Say on how much the scores are; of a large data set that is not all that is held out."""
    held_out, total = state.split.held_out, state.split.n_held_out
    cases = {row.case for row in state.kept_rows}
    scored = sum(len(frames) for case, frames in held_out.items() if case in cases)
    count = f"{scored} of {total}" if 0 < scored < total else f"{total}"
    return f"{count} held-out {state.unit if total > 1 else state.unit.removesuffix('s')}"


def _words(state: RunState) -> str:
    def listed(frames: dict[str, tuple[int, ...]]) -> str:
        if len(frames) > _MOST_NAMES:
            return f"{sum(map(len, frames.values()))} {state.unit} of {len(frames)} cases"
        if not state.by_frame:
            return ", ".join(frames)
        return "; ".join(f"{case} {', '.join(map(str, of))}" for case, of in frames.items())

    split = state.split
    held_out = f"held out: {listed(split.held_out)}" if split.held_out else "none held out"
    what = "Verified" if state.by_frame else "Labelled"
    return f"{what} {state.unit} of a user's own ({listed(split.training)}; {held_out})."
