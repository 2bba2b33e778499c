"""What networks find on a few held-out frames, in one small file that another process reads."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mambaseg.files import write_whole
from mambaseg.types.errors import InvalidConfigError
from mambaseg.types.labels import LabelSet
from mambaseg.types.schema import Schema, VersionedSchema

__all__ = ["STAGES", "HeldOutView", "HeldOutViews", "read_views", "write_views"]

STAGES = ("before", "now", "kept")
"""What the parent finds, what the weights validated last find, and what those in the model find."""

_PICTURE, _TRUTH, _ABOUT = "picture", "truth", "about"


class _Frame(Schema):
    case: str
    frame: int
    dice: dict[str, float]


class _About(VersionedSchema):
    unit: str
    labels: dict[int, str]
    views: tuple[_Frame, ...]


@dataclass(frozen=True, eq=False)
class HeldOutView:
    """A held-out frame, slice or picture, made smaller to be looked at.

    Parameters
    ----------
    case : str
    frame : int
        Its number.
    picture : ndarray of uint8, shape (Y, X, 3)
    truth : ndarray of uint8, shape (Y, X)
        The verified mask.
    masks : dict of str to ndarray of uint8, shape (Y, X)
        Class values by one of `STAGES`; a parent that is untrained has none.
    dice : dict of str to float
        Mean over the classes that it shows, at full size, by one of `STAGES`; of a whole volume,
        or where it shows none, nothing.
    """

    case: str
    frame: int
    picture: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    masks: dict[str, NDArray[np.uint8]]
    dice: dict[str, float]


@dataclass(frozen=True, eq=False)
class HeldOutViews:
    """A few held-out frames.

    Parameters
    ----------
    unit : str
        What one is called: "frame", "slice" or "image".
    label_set : LabelSet
    views : sequence of HeldOutView
    """

    unit: str
    label_set: LabelSet
    views: Sequence[HeldOutView]


def write_views(path: Path, views: HeldOutViews) -> None:
    """Write views, whole or not at all.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    frames = tuple(_Frame(case=v.case, frame=v.frame, dice=v.dice) for v in views.views)
    about = _About(unit=views.unit, labels=views.label_set.names, views=frames)
    arrays: dict[str, Any] = {_ABOUT: np.array(about.model_dump_json())}
    for index, view in enumerate(views.views):
        parts = {_PICTURE: view.picture, _TRUTH: view.truth, **view.masks}
        arrays |= {f"{name}_{index}": array for name, array in parts.items()}
    with write_whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_views(path: Path) -> HeldOutViews | None:
    """Read what `write_views` wrote; None where there is nothing, or nothing that is whole."""
    try:
        # Opened here: of a file that is none, numpy leaves its own open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            about = _About.parse(json.loads(str(content[_ABOUT])), str(path))
            views = [_view(content, index, frame) for index, frame in enumerate(about.views)]
            return HeldOutViews(about.unit, LabelSet.from_names(about.labels), views)
    except (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error, InvalidConfigError):
        return None


def _view(content: Any, index: int, frame: _Frame) -> HeldOutView:
    masks = {one: content[name] for one in STAGES if (name := f"{one}_{index}") in content}
    picture, truth = content[f"{_PICTURE}_{index}"], content[f"{_TRUTH}_{index}"]
    shapes = {picture.shape[:2], truth.shape, *(mask.shape for mask in masks.values())}
    if len(shapes) > 1 or picture.ndim != 3:
        raise ValueError("the masks are not of the picture's shape")
    return HeldOutView(frame.case, frame.frame, picture, truth, masks, frame.dice)
