"""A volume that is computed and not measured, for trials where no real one may be shipped."""

from __future__ import annotations

import numpy as np

from mambaseg.types.geometry import Geometry
from mambaseg.types.image import MedicalImage

__all__ = ["head_volume"]

_SPACING = 2.0
_SHAPE = (80, 112, 96)
# Value, then centre (z, y, x) and half axes (z, y, x) in mm from the middle; later ones win.
_BODIES = (
    (350, (0, 0, 0), (74, 98, 78)),  # scalp
    (60, (0, 0, 0), (70, 93, 73)),  # skull
    (120, (0, 0, 0), (66, 88, 68)),  # fluid around the brain
    (520, (0, 0, 0), (62, 84, 64)),  # grey matter
    (700, (0, 0, 0), (52, 74, 54)),  # white matter
    (150, (8, 4, -12), (12, 34, 7)),  # ventricles
    (150, (8, 4, 12), (12, 34, 7)),
    (540, (2, -8, -24), (10, 14, 8)),  # deep grey matter
    (540, (2, -8, 24), (10, 14, 8)),
    (860, (18, 30, 30), (11, 12, 10)),  # a round lesion with a core
    (430, (18, 30, 30), (5, 6, 5)),
)


def head_volume(seed: int = 0) -> MedicalImage:
    """Compute a volume that looks like an MR of a head with a lesion; it is of nobody.

    Ellipsoids with the brightness of tissues, a slow shading as of a coil, and noise.

    Parameters
    ----------
    seed : int
        Of the noise.

    Returns
    -------
    MedicalImage
        Axes "CZYX", (1, 80, 112, 96) of int16, 2 mm apart, around the origin of
        the patient system; `notes` and `source` say that it is synthetic.
    """
    middle = (np.array(_SHAPE) - 1) / 2
    z, y, x = (
        (axis - centre) * _SPACING
        for axis, centre in zip(np.indices(_SHAPE, np.float32), middle, strict=True)
    )
    volume = np.zeros(_SHAPE, np.float32)
    for value, centre, half in _BODIES:
        distance = sum(
            ((axis - place) / length) ** 2
            for axis, place, length in zip((z, y, x), centre, half, strict=True)
        )
        # Edges half an element wide, as a scanner blurs them.
        edge = np.clip((1 - np.sqrt(distance)) * min(half) / _SPACING + 0.5, 0, 1)
        volume += edge * (value - volume)
    volume *= 1 + 0.1 * x / 96 - 0.08 * z / 80
    volume += np.random.default_rng(seed).normal(0, 18, _SHAPE)
    origin = (-middle[::-1] * _SPACING).tolist()
    return MedicalImage(
        np.rint(np.maximum(volume, 0)).astype(np.int16)[None],
        "CZYX",
        Geometry(
            (_SPACING,) * 3,
            (origin[0], origin[1], origin[2]),
            (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        ),
        source="head (synthetic)",
        notes=("This volume is synthetic: computed, and of no patient.",),
        header={"Modality": "MR"},
    )
