"""What a fine-tuning says at its beginning and at its end."""

from __future__ import annotations

import os

from mambaseg.training.events import Finished, Reason, Started, mean_dice
from mambaseg.training.learnt import flattery
from mambaseg.training.run import Run
from mambaseg.training.run_state import RunState
from mambaseg.training.score_changes import score_changes
from mambaseg.training.split import split_margin
from mambaseg.zoo import read_model

__all__ = ["finished", "started"]


def started(state: RunState, resumed: bool, measurable: bool, lacks_replay: bool) -> Started:
    """Give the first event of a run, with what its user should know.

    Parameters
    ----------
    state : RunState
    resumed : bool
    measurable : bool
        Whether anything that is held out shows an object.
    lacks_replay : bool
        Whether replay was asked for, and there is nothing to replay.
    """
    split, notes = state.split, []
    if state.new_weights:
        notes.append(
            f"The classes {list(state.recipe.labels.values())} are not those of {state.parent}, so "
            f"{len(state.new_weights)} weights start untrained and it has no score of its own."
        )
    elif state.parent_card.untrained:
        notes.append(f"{state.parent} is not trained yet, so it has no score of its own.")
    if not split.held_out:
        notes.append(
            f"None of the {state.unit} is held out, so there will be no score: verify more, "
            "some of them apart from the others, to get one."
        )
    elif not measurable:
        notes.append(
            f"None of the classes {list(state.recipe.labels.values())} is drawn on the held-out "
            "frames, so there will be no score: hold out frames that show one."
        )
    elif state.by_frame and (
        known := flattery(
            split.held_out, state.parent, state.parent_card, split_margin(state.recipe)
        )
    ):
        notes.append(known)
    if lacks_replay:
        notes.append(
            "Nothing is replayed, for there is no unlabelled frame of which "
            f"{state.parent} can say anything for sure."
        )
    if split.left_out:
        near = "; ".join(f"{case}: {list(frames)}" for case, frames in split.left_out.items())
        notes.append(f"Verified frames next to held-out ones do not train ({near}).")
    return Started(
        pid=os.getpid(),
        config=state.config,
        parent=state.parent,
        parent_sha256=state.parent_sha256,
        split=split,
        unit=state.unit,
        new_weights=state.new_weights,
        before=state.before,
        notes=tuple(notes),
        resumed=resumed,
    )


def finished(home: Run, state: RunState, reason: Reason) -> Finished:
    """Give the last event of a run."""
    before, after = state.before, state.kept
    model = read_model(home.model_file)
    return Finished(
        reason=reason,
        step=state.step,
        before=before,
        after=after,
        improved=mean_dice(after) > mean_dice(before) if before and after else None,
        changes=score_changes(state.before_rows, state.kept_rows, state.unit),
        model=str(model.path),
        sha256=model.sha256,
    )
