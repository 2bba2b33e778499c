"""What is wrong with a fine-tuning that is about to begin, said before any time is spent on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mambaseg.corrections import Store
from mambaseg.training import FineTuningConfig
from mambaseg.types.errors import TrainingError

__all__ = ["check_tuning"]


def check_tuning(config: FineTuningConfig) -> None:
    """Refuse to start from a model that is gone, or to measure on frames that show nothing.

    Parameters
    ----------
    config : FineTuningConfig
        Of a store; `model` is a path.

    Raises
    ------
    TrainingError
        Saying what to do.
    MambasegError
        If the store cannot be read.
    """
    if not Path(config.model).is_file():
        raise TrainingError(
            f"{config.model} is gone: it was moved or removed since the models were listed. "
            "Choose another model, or bring it back."
        )
    store, held_out = Store(config.data), config.held_out or {}
    missing = [
        f"{case}: {gone}"
        for case, frames in held_out.items()
        if (gone := sorted(set(frames) - set(store.verified_frames(case))))
    ]
    if missing:
        raise TrainingError(
            f"Held-out frames are not verified any more ({'; '.join(missing)}): verify them, or "
            "choose others; the list is read anew."
        )
    if held_out and not any(_shows(store, case, frames) for case, frames in held_out.items()):
        raise TrainingError(
            "None of the classes is drawn on the held-out frames, so nothing could be measured: "
            "tick frames that show one, or untick all to train without a score."
        )


def _shows(store: Store, case: str, frames: tuple[int, ...]) -> bool:
    masks = store.read(case)[1]
    labels = np.asarray(masks.labels[list(frames)])
    return bool(np.isin(labels, list(masks.label_set.names)).any())
