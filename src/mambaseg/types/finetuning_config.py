"""What a fine-tuning run needs to know."""

from __future__ import annotations

from pydantic import Field

from mambaseg.types.augmentation import Augmentation
from mambaseg.types.schema import VersionedSchema

__all__ = ["FineTuningConfig"]

_LIGHT = Augmentation(rotation_deg=10, scale=0.1, translation=0.05, contrast=1.3)


class FineTuningConfig(VersionedSchema):
    """Fine-tuning of a trained model on a store of corrections.

    Parameters
    ----------
    model : str
        Name or path of the model to start from.
    data : str
        Path of the store.
    minutes : float
        Time that the whole run may take.
    held_out : dict of str to tuple of int, or None
        Verified frames, by case, that train nothing and measure the result.
        Empty: none. None: as `propose_held_out` says.
    name : str or None
        Name of the model that comes out; None: the parent's and "-finetuned".
    learning_rate, weight_decay, gradient_clip : float
        AdamW's highest rate and decay, and the gradient's largest norm.
    batch_size : int
        Clips per step.
    augmentation : Augmentation
    seed : int
        Seed of the order and the augmentation of clips.
    """

    model: str
    data: str
    minutes: float = Field(default=4.0, gt=0, le=7 * 24 * 60)
    held_out: dict[str, tuple[int, ...]] | None = None
    name: str | None = Field(default=None, pattern=r"^[\w .+-]+$")
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    gradient_clip: float = Field(default=1.0, gt=0)
    batch_size: int = Field(default=2, ge=1)
    augmentation: Augmentation = _LIGHT
    seed: int = 0
