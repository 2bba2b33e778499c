"""What a training learns from, and what of it is held out."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from mambaseg.types.schema import Schema

__all__ = ["LabelledClip", "LabelledSet"]


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


class LabelledSet(Schema):
    """A data set of any known layout, of which some cases are held out.

    Parameters
    ----------
    path : str
        Its folder, relative to the configuration's; see `mambaseg.data.datasets.open_dataset`.
    masks : str or None
        The folder of the masks, where `path` is that of the images alone.
    held_out : float
        Fraction of the cases that train nothing and measure the result, unless the data set
        says itself which these are; whole patients or recordings. 0: none.
    look_alike : float or None
        Of pictures: correlation of two thumbnails above which both stay on the same side of the
        split, as pictures of one examination must. None: no matter how they look.
    """

    path: str
    masks: str | None = None
    held_out: float = Field(default=0.2, ge=0, lt=1)
    look_alike: float | None = Field(default=0.95, gt=0, le=1)
