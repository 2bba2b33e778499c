"""Whether two masks lie on the same grid, and how to bring one onto the other's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.types.errors import UnsupportedImageError
from mambaseg.types.geometry import Geometry
from mambaseg.types.segmentation import Segmentation

__all__ = ["check_same_grid", "resampled"]

_SPACING = 1e-3
"""Relative difference that files' rounding may make."""

_PLACE = 0.02
"""Difference of the origin, in elements, that rounding may make."""

_ADVICE = "compare masks of one image, or have the prediction resampled to the reference's grid."


def check_same_grid(prediction: Segmentation, reference: Segmentation) -> None:
    """Refuse masks whose elements do not lie at the same places.

    What one of them does not know (spacing, origin, direction) is not compared.

    Raises
    ------
    UnsupportedImageError
        If the axes, shapes, spacings, origins or directions differ; it says along which
        axis, and by how much.
    """
    found, true = tuple(prediction.labels.shape), tuple(reference.labels.shape)
    if prediction.axes != reference.axes or found != true:
        where = ""
        if prediction.axes == reference.axes:
            lengths = zip(reference.axes.lower(), found, true, strict=True)
            where = "; ".join(f"along {axis} {p} and {r}" for axis, p, r in lengths if p != r)
            where = f", {where}"
        raise UnsupportedImageError(
            f"The prediction has the shape {found} ({prediction.axes}) and the reference "
            f"{true} ({reference.axes}){where}: {_ADVICE}"
        )
    problem = _misplaced(prediction.geometry, reference.geometry, reference.axes)
    if problem:
        raise UnsupportedImageError(f"{problem}: {_ADVICE}")


def _misplaced(found: Geometry, true: Geometry, axes: str) -> str:
    spatial = axes.removeprefix("T").lower()
    if found.spacing_mm and true.spacing_mm:
        for axis, p, r in zip(spatial, found.spacing_mm, true.spacing_mm, strict=True):
            if abs(p - r) > _SPACING * r:
                return (
                    f"The prediction's spacing along {axis} is {p:.6g} mm and the reference's "
                    f"{r:.6g} mm, {100 * (p / r - 1):+.2g} %"
                )
    if found.direction and true.direction:
        turn = float(np.abs(np.subtract(found.direction, true.direction)).max())
        if turn > _SPACING:
            return (
                "The prediction's axes point elsewhere in the patient than the reference's (their "
                f"direction cosines differ by up to {turn:.2g})"
            )
    if found.origin_mm and true.origin_mm:
        room = _PLACE * min(true.spacing_mm or (1.0,))
        for axis, p, r in zip("xyz", found.origin_mm, true.origin_mm, strict=True):
            if abs(p - r) > room:
                return (
                    f"The prediction's origin along the patient's {axis} is {p:.6g} mm and the "
                    f"reference's {r:.6g} mm, {p - r:+.4g} mm"
                )
    return ""


def resampled(prediction: Segmentation, reference: Segmentation) -> Segmentation:
    """Bring a mask onto a reference's grid; each element takes the nearest one's label.

    By their places in the patient where both masks know them; else both are taken to show
    the same field of view, edge to edge.

    Raises
    ------
    UnsupportedImageError
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
