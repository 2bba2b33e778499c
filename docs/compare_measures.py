"""Measure how far libraries' figures lie apart on the same masks, for docs/metrics.md.

    pip install medpy surface-distance      # for this script alone
    python docs/compare_measures.py

Prints the rows of the table.
"""

from __future__ import annotations

import numpy as np
import torch
from medpy.metric import binary as medpy
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from scipy.ndimage import gaussian_filter
from surface_distance import (
    compute_average_surface_distance as deepmind_average,
)
from surface_distance import (
    compute_robust_hausdorff,
    compute_surface_dice_at_tolerance,
    compute_surface_distances,
)

from mambaseg.metrics import MeasureOptions, evaluate
from mambaseg.types import Geometry, LabelSet, Segmentation

SPACING = (3.0, 0.8, 0.8)
TOLERANCE = 2.0
NAMES = ("HD", "HD95", "ASSD", "NSD")
TRUE_HD_RANK = 100


def example() -> tuple[np.ndarray, np.ndarray]:
    """An ellipsoid, and a prediction that is a lumpy one with a false islet."""
    z, y, x = np.mgrid[:24, :96, :96].astype(float)
    true = ((z - 12) / 7) ** 2 + ((y - 46) / 22) ** 2 + ((x - 44) / 26) ** 2 < 1
    lumps = gaussian_filter(np.random.default_rng(0).standard_normal(true.shape), (1.5, 5, 5))
    found = ((z - 12) / 7) ** 2 + ((y - 48) / 21) ** 2 + ((x - 46) / 25) ** 2 < (
        1 + 0.25 * lumps / lumps.std()
    )
    return found | ((z - 15) ** 2 * 9 + (y - 78) ** 2 + (x - 84) ** 2 < 40), true


def main() -> None:
    found, true = example()
    one = LabelSet.from_names({1: "lesion"})
    masks = [
        Segmentation(mask.astype(np.uint8), "ZYX", one, Geometry(SPACING)) for mask in (found, true)
    ]
    rows = evaluate(*masks, options=MeasureOptions(NAMES, tolerance=TOLERANCE))
    pair = [torch.from_numpy(mask)[None, None] for mask in (found, true)]
    whole = {"include_background": True, "spacing": SPACING}
    deepmind = compute_surface_distances(true, found, SPACING)
    figures = {
        "mambaseg": [row.value for row in rows],
        "MONAI": [
            compute_hausdorff_distance(*pair, **whole),
            compute_hausdorff_distance(*pair, percentile=95, **whole),
            compute_average_surface_distance(*pair, symmetric=True, **whole),
            compute_surface_dice(*pair, [TOLERANCE], **whole),
        ],
        "MONAI, defaults": [
            compute_hausdorff_distance(*pair, include_background=True),
            compute_hausdorff_distance(*pair, include_background=True, percentile=95),
            compute_average_surface_distance(*pair, include_background=True),
            compute_surface_dice(*pair, [TOLERANCE], include_background=True),
        ],
        "MONAI, use_subvoxels": [
            np.nan,
            np.nan,
            np.nan,
            compute_surface_dice(*pair, [TOLERANCE], use_subvoxels=True, **whole),
        ],
        "MedPy": [
            medpy.hd(found, true, SPACING),
            medpy.hd95(found, true, SPACING),
            medpy.assd(found, true, SPACING),
            np.nan,
        ],
        "surface-distance": [
            compute_robust_hausdorff(deepmind, TRUE_HD_RANK),
            compute_robust_hausdorff(deepmind, 95),
            np.mean(deepmind_average(deepmind)),
            compute_surface_dice_at_tolerance(deepmind, TOLERANCE),
        ],
    }
    for name, values in figures.items():
        print("|", name, "|", " | ".join(f"{float(v):.3f}" for v in values), "|")


if __name__ == "__main__":
    main()
