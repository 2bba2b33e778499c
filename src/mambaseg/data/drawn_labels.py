"""Labels drawn by hand as polygons, in JSON files of our own."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, FiniteFloat, ValidationError, model_validator

from mambaseg.types.errors import InvalidAnnotationError
from mambaseg.types.labels import LabelSet

__all__ = ["DrawnLabels", "read_drawn_labels"]


class _Label(BaseModel):
    value: int = Field(ge=1, le=254)
    name: str = Field(min_length=1)


class _Polygon(BaseModel):
    value: int
    points: list[tuple[FiniteFloat, FiniteFloat]] = Field(min_length=3)


class _Frame(BaseModel):
    index: int = Field(ge=0)
    polygons: list[_Polygon]


class _File(BaseModel):
    format_version: Literal[1]
    image: str
    image_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    image_size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
    labels: list[_Label] = Field(min_length=1)
    frames: list[_Frame] = Field(min_length=1)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        values = [label.value for label in self.labels]
        if len(set(values)) != len(values):
            raise ValueError(f"two labels have one value: {values}")
        height, width = self.image_size
        seen: set[int] = set()
        for frame in self.frames:
            if frame.index in seen:
                raise ValueError(f"frame {frame.index} stands there twice")
            seen.add(frame.index)
            for polygon in frame.polygons:
                if polygon.value not in values:
                    raise ValueError(
                        f"frame {frame.index} has a polygon of value {polygon.value}, "
                        f"which is not among the labels {values}"
                    )
                for x, y in polygon.points:
                    if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
                        raise ValueError(
                            f"frame {frame.index} has a point ({x:g}, {y:g}) outside the image "
                            f"of {width} x {height} pixels"
                        )
        return self


@dataclass(frozen=True)
class DrawnLabels:
    """Polygons on some frames of one clip.

    Parameters
    ----------
    label_set : LabelSet
        The classes that were drawn.
    image_size : tuple of int
        Number of rows and columns of the clip's frames.
    image_sha256 : str
        SHA-256 of the clip's file, in hexadecimal.
    polygons : dict
        For each drawn frame its polygons: the class value, and the corners (x, y)
        in pixels, pixel centres at whole numbers.
    """

    label_set: LabelSet
    image_size: tuple[int, int]
    image_sha256: str
    polygons: dict[int, list[tuple[int, list[tuple[float, float]]]]] = field(repr=False)

    @property
    def frame_indices(self) -> tuple[int, ...]:
        """The frames that were drawn, ascending."""
        return tuple(sorted(self.polygons))

    def mask(self, index: int) -> NDArray[np.uint8]:
        """Rasterise one frame: a pixel is inside if its centre is.

        Where polygons overlap, the later covers the earlier.

        Parameters
        ----------
        index : int
            One of `frame_indices`.

        Returns
        -------
        ndarray of uint8, shape (Y, X)
            Class values; 0 is background.

        Raises
        ------
        InvalidAnnotationError
            If the frame was not drawn.
        """
        # skimage's import costs more than reading the file, and listing needs no mask.
        from skimage.draw import polygon2mask

        if index not in self.polygons:
            raise InvalidAnnotationError(
                f"Frame {index} was not drawn; the drawn frames are {list(self.frame_indices)}."
            )
        mask = np.zeros(self.image_size, np.uint8)
        for value, points in self.polygons[index]:
            corners = np.array(points)[:, ::-1]
            inside = polygon2mask(self.image_size, corners)  # type: ignore[no-untyped-call]
            mask[inside] = value
        return mask


def read_drawn_labels(path: str | os.PathLike[str]) -> DrawnLabels:
    """Read a file of drawn labels.

    Parameters
    ----------
    path : path-like
        A JSON file of format version 1.

    Raises
    ------
    InvalidAnnotationError
        If the file is missing, no JSON, newer than this mambaseg, or does not
        fit its form; the message names the place.
    """
    path = Path(path)
    try:
        file = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidAnnotationError(
            f"{path} cannot be opened: {error.strerror}; check the path."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InvalidAnnotationError(
            f"{path} does not hold drawn labels of format version 1: {place}: {first['msg']}. "
            "Correct it there."
        ) from error
    return DrawnLabels(
        LabelSet.from_names({label.value: label.name for label in file.labels}),
        file.image_size,
        file.image_sha256,
        {
            frame.index: [(polygon.value, polygon.points) for polygon in frame.polygons]
            for frame in file.frames
        },
    )
