"""What a journal's file says of itself first."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mambaseg.corrections.planes import MASK_DTYPES, as_planes
from mambaseg.types.errors import StoreError
from mambaseg.types.labels import LabelClass, LabelSet

__all__ = ["FORMAT_VERSION", "JournalHead"]

FORMAT_VERSION = 1
_MOST_BYTES = 1 << 40

_Axis = Annotated[int, Field(gt=0)]


class JournalHead(BaseModel):
    """Whose mask a journal keeps.

    Parameters
    ----------
    image : str
        `image_key` of the image that the mask belongs to.
    image_name : str
        What its layer is called; a word for people, never a path to open.
    name : str
        What the mask is called.
    shape : tuple of int
        Of the mask, with axes (y, x), (frame, y, x) or (t, z, y, x).
    dtype : str
        Type of its labels.
    classes : tuple of LabelClass
        Its classes; empty where they are not known.
    provenance : dict
        What the mask came from, in JSON's types.
    created : float
        Seconds since 1970.
    user, machine, process : str, str, int
        Who wrote this file.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    format_version: Literal[1] = 1
    image: str
    image_name: str
    name: str
    shape: tuple[_Axis, ...] = Field(min_length=2, max_length=4)
    dtype: str
    classes: tuple[LabelClass, ...] = ()
    provenance: dict[str, Any] = {}
    created: float
    user: str = ""
    machine: str = ""
    process: int = 0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.dtype not in MASK_DTYPES:
            raise ValueError(f"masks of the type {self.dtype} are not kept")
        if math.prod(self.shape) * np.dtype(self.dtype).itemsize > _MOST_BYTES:
            raise ValueError(f"the shape {self.shape} is not possible")
        if self.classes:
            LabelSet(self.classes)
        return self

    @property
    def label_set(self) -> LabelSet | None:
        """The classes, where they are known."""
        return LabelSet(self.classes) if self.classes else None

    @property
    def planes(self) -> tuple[int, int, int]:
        """Planes, rows and columns."""
        return as_planes(self.shape)

    @property
    def element(self) -> np.dtype[Any]:
        """Type of the labels."""
        return np.dtype(self.dtype)

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read it from JSON.

        Raises
        ------
        StoreError
            If it is no head, or of a newer version.
        """
        try:
            return cls.model_validate_json(payload)
        except ValidationError as error:
            first = error.errors()[0]
            if first["loc"] == ("format_version",):
                raise StoreError(
                    f"It was written by a newer mambaseg (format {first['input']}, this one reads "
                    f"{FORMAT_VERSION}): update mambaseg."
                ) from error
            place = ".".join(map(str, first["loc"])) or "head"
            raise StoreError(f"It is no journal of ours: {place}: {first['msg']}.") from error
