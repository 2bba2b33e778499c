"""Whether masks and images lie on the same grid, and how to bring one mask onto another's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.errors import MismatchError
from mambaseg.types.geometry import Geometry
from mambaseg.types.segmentation import Segmentation

__all__ = ["Grid", "check_grids", "check_same_grid", "resampled"]

_SPACING = 1e-3
"""Relative difference that files' rounding may make."""

_PLACE = 0.02
"""Difference of the origin, in elements, that rounding may make."""

_ADVICE = "compare masks of one image, or have the prediction resampled to the reference's grid."


@dataclass(frozen=True)
class Grid:
    """Where the elements of a mask or an image lie, as far as it is known.

    Parameters
    ----------
    name : str
        What a message calls it, such as "the mask 'nodule'".
    axes : str
        Without channels, such as "TYX".
    shape : tuple of int
        Length of each axis.
    steps : tuple of (float, str) or None
        Distance of the elements along each axis, and its unit; None where it is not known.
    geometry : Geometry
        Whose origin and direction count.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    steps: tuple[tuple[float, str] | None, ...]
    geometry: Geometry = field(default_factory=Geometry)

    @classmethod
    def of(cls, mask: Segmentation, name: str) -> Self:
        """Give that of a mask; when its frames were taken does not count."""
        spatial: list[tuple[float, str] | None]
        spatial = [(step, "mm") for step in mask.geometry.spacing_mm or ()]
        steps = spatial or [None] * len(mask.axes.removeprefix("T"))
        timed: list[tuple[float, str] | None] = [None] * mask.axes.startswith("T")
        return cls(name, mask.axes, tuple(mask.labels.shape), (*timed, *steps), mask.geometry)


def check_same_grid(prediction: Segmentation, reference: Segmentation) -> None:
    """Refuse masks whose elements do not lie at the same places.

    What one of them does not know (spacing, origin, direction) is not compared.

    Raises
    ------
    MismatchError
        If the axes, shapes, spacings, origins or directions differ; it says along which
        axis, and by how much.
    """
    check_grids(Grid.of(prediction, "the prediction"), Grid.of(reference, "the reference"), _ADVICE)


def check_grids(found: Grid, true: Grid, advice: str) -> None:
    """Refuse grids that differ; what one of them does not know is not compared.

    Parameters
    ----------
    found, true : Grid
        Distances are compared where their units are the same.
    advice : str
        What to do next, which ends the message.

    Raises
    ------
    MismatchError
        If they differ; it says what does, along which axis, and by how much.
    """
    problem = _misshaped(found, true) or _misscaled(found, true) or _misplaced(found, true)
    if problem:
        raise MismatchError(f"{problem[0].upper()}{problem[1:]}: {advice}")


def _misshaped(found: Grid, true: Grid) -> str:
    if found.axes == true.axes and found.shape == true.shape:
        return ""
    where = ""
    if found.axes != true.axes:
        where = f" (axes {found.axes} and {true.axes})"
    elif len(found.shape) == len(true.shape):
        lengths = zip(true.axes.lower(), found.shape, true.shape, strict=True)
        where = "; ".join(f"along {axis} {p} and {r}" for axis, p, r in lengths if p != r)
        where = f", {where}"
    return f"{found.name} has the shape {found.shape} and {true.name} {true.shape}{where}"


def _misscaled(found: Grid, true: Grid) -> str:
    for axis, ours, theirs in zip(true.axes.lower(), found.steps, true.steps, strict=True):
        if ours is None or theirs is None or ours[1] != theirs[1]:
            continue
        (p, unit), (r, _) = ours, theirs
        if abs(p - r) > _SPACING * r:
            what = "spacing" if unit == "mm" else "scale"
            return (
                f"the {what} of {found.name} along {axis} is {p:.6g} {unit}".rstrip()
                + f" and that of {true.name} {r:.6g} {unit}".rstrip()
                + f", {100 * (p / r - 1):+.3g} %"
            )
    return ""


def _misplaced(found: Grid, true: Grid) -> str:
    ours, theirs = found.geometry, true.geometry
    if ours.direction and theirs.direction:
        turn = float(np.abs(np.subtract(ours.direction, theirs.direction)).max())
        if turn > _SPACING:
            return (
                f"the axes of {found.name} point elsewhere in the patient than those of "
                f"{true.name} (their direction cosines differ by up to {turn:.2g})"
            )
    if ours.origin_mm and theirs.origin_mm:
        room = _PLACE * min(theirs.spacing_mm or (1.0,))
        for axis, p, r in zip("xyz", ours.origin_mm, theirs.origin_mm, strict=True):
            if abs(p - r) > room:
                return (
                    f"the origin of {found.name} along the patient's {axis} is {p:.6g} mm and "
                    f"that of {true.name} {r:.6g} mm, {p - r:+.4g} mm"
                )
    return ""


def resampled(prediction: Segmentation, reference: Segmentation) -> Segmentation:
    """Bring a mask onto a reference's grid; each element takes the nearest one's label.

    By their places in the patient where both masks know them; else both are taken to show
    the same field of view, edge to edge.

    Raises
    ------
    MismatchError
        If their axes, or their numbers of frames, differ.
    """
    timed = reference.axes.startswith("T")
    frames = prediction.labels.shape[0] if timed else 1
    if prediction.axes != reference.axes or (timed and frames != reference.labels.shape[0]):
        check_same_grid(prediction, reference)
    placed = all(
        one.geometry.spacing_mm and one.geometry.origin_mm and one.geometry.direction
        for one in (prediction, reference)
    )
    n_spatial = len(reference.axes) - timed
    shape = reference.labels.shape[-n_spatial:]
    bring = _by_place if placed else _by_view
    blocks = [np.asarray(prediction.labels[i]) for i in range(frames)] if timed else None
    if blocks is None:
        labels = bring(np.asarray(prediction.labels[:]), prediction, reference, shape)
    else:
        labels = np.stack([bring(block, prediction, reference, shape) for block in blocks])
    geometry = replace(reference.geometry, frame_times_s=prediction.geometry.frame_times_s)
    return replace(prediction, labels=labels, geometry=geometry)


def _by_view(
    block: NDArray[Any], prediction: Segmentation, reference: Segmentation, shape: tuple[int, ...]
) -> NDArray[Any]:
    for axis, length in enumerate(shape):
        nearest = ((np.arange(length) + 0.5) * block.shape[axis] / length).astype(int)
        block = block.take(nearest, axis=axis)
    return block


def _by_place(
    block: NDArray[Any], prediction: Segmentation, reference: Segmentation, shape: tuple[int, ...]
) -> NDArray[Any]:
    import SimpleITK

    moving = _image(block, prediction.geometry)
    fixed = _image(np.zeros(shape, np.uint8), reference.geometry)
    stay: Any = SimpleITK.Transform(3, SimpleITK.sitkIdentity)  # type: ignore[no-untyped-call]
    moved = SimpleITK.Resample(moving, fixed, stay, SimpleITK.sitkNearestNeighbor)
    labels: NDArray[Any] = SimpleITK.GetArrayFromImage(moved)
    return labels.reshape(shape)


def _image(block: NDArray[Any], geometry: Geometry) -> Any:
    import SimpleITK

    # A flat image is a volume of one thick slice, so that its place in the patient counts too.
    image: Any = SimpleITK.GetImageFromArray(block if block.ndim == 3 else block[None])
    image.SetSpacing([*reversed(geometry.spacing_mm or ()), 1.0][:3])
    image.SetOrigin(geometry.origin_mm or (0.0, 0.0, 0.0))
    image.SetDirection(geometry.direction or np.eye(3).ravel().tolist())
    return image
