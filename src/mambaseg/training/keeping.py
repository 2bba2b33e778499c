"""A run's model among the user's own, and whether it may become the default."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mambaseg.training.events import Dice, Progress, Started, mean_dice
from mambaseg.training.run import Run
from mambaseg.types.errors import OutputError
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import list_models, make_default, read_model, user_models_folder, write_model

__all__ = ["Kept", "keep"]


@dataclass(frozen=True)
class Kept:
    """A fine-tuned model among the user's own.

    Parameters
    ----------
    model : TrainedModel
    is_default : bool
        Whether it became the default, because held-out frames say that it is no worse
        than the model it started from.
    why : str
        In one sentence, with both scores where there are two.
    """

    model: TrainedModel
    is_default: bool
    why: str


def keep(run: Run, name: str, *, beside: bool = False) -> Kept:
    """Copy a run's model to the user's own models, under a name.

    It becomes the default only if its score on held-out frames is above its parent's, and so
    was that of the weights that the training ended with.

    Parameters
    ----------
    run : Run
    name : str
    beside : bool
        Whether the default stays as it is, however good the model.

    Raises
    ------
    OutputError
        If the name is taken or no name for a file, or cannot be written.
    IncompatibleWeightsError
        If the run has no model yet.
    """
    if not re.fullmatch(r"\w[\w .+-]{0,79}", name):
        raise OutputError(
            f"A model cannot be called {name!r}: use letters, digits, spaces and _ . + - only."
        )
    target = user_models_folder() / f"{name}.safetensors"
    if target.exists() or name in [model.name for model in list_models()]:
        raise OutputError(f"There is a model called {name!r} already: choose another name.")
    made = read_model(run.model_file)
    from safetensors.torch import load_file

    model = write_model(target, load_file(made.path), name=name, recipe=made.recipe, card=made.card)
    better, why = (False, "; the default stays as it was.") if beside else _verdict(run, model)
    if better:
        make_default(model)
    return Kept(model, better, f"{name}{why}")


def _verdict(run: Run, model: TrainedModel) -> tuple[bool, str]:
    scores, before = model.card.scores, model.card.parent_scores
    events, _ = run.events()
    started = next((event for event in events if isinstance(event, Started)), None)
    parent = started.parent if started is not None else "what it started from"
    if not (scores and before):
        return False, (
            f" is not made the default, because no score compares it with {parent}; "
            f"`mambaseg models --default {model.name!r}` makes it so."
        )
    reached = [event.dice for event in events if isinstance(event, Progress) and event.dice]
    last: Dice = reached[-1] if reached else scores
    # Good weights on the way to bad ones are luck: what they learnt from leads elsewhere.
    if min(mean_dice(scores), mean_dice(last)) > mean_dice(before):
        return True, (
            f" is the default now: mean Dice {mean_dice(scores):.3f} on the held-out frames, where "
            f"{parent} reaches {mean_dice(before):.3f}."
        )
    holds = f"the weights of {parent}"
    if mean_dice(scores) > mean_dice(before):
        holds = f"weights from midway, which reach {mean_dice(scores):.3f}"
    return False, (
        f" is not made the default: training led to a mean Dice of {mean_dice(last):.3f} on the "
        f"held-out frames, where {parent} reaches {mean_dice(before):.3f}. It holds {holds}; "
        "check the masks that it learned from."
    )
