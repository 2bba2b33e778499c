"""What a training run needs to know."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from mambaseg.types.recipe import Recipe
from mambaseg.types.schema import Schema, VersionedSchema
from mambaseg.types.trained_model import ModelCard

__all__ = ["Augmentation", "LabelledClip", "LabelledStills", "Optimization", "TrainingConfig"]


class LabelledClip(Schema):
    """A clip, its drawn labels, and which frames train and which are held out.

    Parameters
    ----------
    image : str
        A path, relative to the configuration's folder, or "sample:NAME".
    labels : str
        Path of a file of drawn labels, likewise.
    train_frames, held_out_frames : (int, int)
        First frame, and the one after the last; the ranges may not overlap.
    """

    image: str
    labels: str
    train_frames: tuple[int, int]
    held_out_frames: tuple[int, int]

    @model_validator(mode="after")
    def _apart(self) -> Self:
        (a, b), (c, d) = self.train_frames, self.held_out_frames
        if not (0 <= a < b and 0 <= c < d):
            raise ValueError("each range needs a first frame below its last")
        if a < d and c < b:
            raise ValueError("train_frames and held_out_frames overlap")
        return self


class LabelledStills(Schema):
    """Still images with masks, of which some are held out.

    Parameters
    ----------
    images, masks : str
        Folders, relative to the configuration's; a mask is an indexed PNG named as its image.
    held_out : float
        Fraction of the images that train nothing and measure the result.
    look_alike : float
        Correlation of two images' thumbnails above which both stay on the same side of the
        split, as images of one examination must.
    """

    images: str
    masks: str
    held_out: float = Field(default=0.2, gt=0, lt=1)
    look_alike: float = Field(default=0.95, gt=0, le=1)


class Augmentation(Schema):
    """Random changes to a training clip, the same for all of its frames.

    Parameters
    ----------
    rotation_deg : float
        Largest rotation either way, in degrees.
    scale, translation : float
        Largest change of size, and largest shift, as a fraction of the frame.
    contrast : float
        Largest factor of gamma, either way.
    brightness : float
        Largest relative change of intensity.
    noise : float
        Largest standard deviation of added noise, intensities being 0 to 1.
    blur : float
        Largest standard deviation of a Gaussian blur, in pixels.
    motion : float
        Largest displacement of the smooth motion that makes a clip of a still image, as a
        fraction of the frame; clips are left as they are.
    """

    rotation_deg: float = Field(default=15, ge=0, le=180)
    scale: float = Field(default=0.15, ge=0, lt=1)
    translation: float = Field(default=0.08, ge=0, lt=1)
    contrast: float = Field(default=1.5, ge=1)
    brightness: float = Field(default=0.2, ge=0, lt=1)
    noise: float = Field(default=0.03, ge=0)
    blur: float = Field(default=0.8, ge=0)
    motion: float = Field(default=0.03, ge=0, lt=1)


class Optimization(Schema):
    """AdamW, its rate warmed up and then falling as a cosine, for a fixed number of steps.

    Parameters
    ----------
    steps, batch_size : int
        Number of updates, and clips in each.
    learning_rate, weight_decay : float
        Highest rate, and AdamW's decay.
    gradient_clip : float
        Largest norm of the gradient.
    average_decay : float
        Decay of the running average of the weights that is kept in the end.
    """

    steps: int = Field(default=1000, ge=1)
    batch_size: int = Field(default=2, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    gradient_clip: float = Field(default=1.0, gt=0)
    average_decay: float = Field(default=0.99, ge=0, lt=1)


class TrainingConfig(VersionedSchema):
    """A training run, apart from where it runs.

    Parameters
    ----------
    name : str
        Name of the model that comes out.
    recipe : Recipe
        The network, and how it is fed and read.
    data : tuple of LabelledClip or LabelledStills
        What it learns from and what is held out.
    optimization : Optimization
    augmentation : Augmentation
    card : ModelCard
        What the model's file will say; the scores are added by the run.
    seed : int
        Seed of every random choice.
    """

    name: str
    recipe: Recipe
    data: tuple[LabelledClip | LabelledStills, ...] = Field(min_length=1)
    optimization: Optimization = Optimization()
    augmentation: Augmentation = Augmentation()
    card: ModelCard = ModelCard()
    seed: int = 0
