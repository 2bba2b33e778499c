"""Dice of the demonstration model on its held-out frames, beside what needs no network.

    python benchmarks/held_out_dice.py

The held-out third lies at the clip's end, so that labelled training frames stand on one side of
it only. The baselines are therefore given what helps them: copying takes the nearest training
frame; interpolation joins the last training frame to the first as if the clip, which holds a
little over one heartbeat, began again; and extrapolation goes on from the last two.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from record import record, table
from scipy.ndimage import distance_transform_edt

from mambaseg.data import read_drawn_labels, read_image, sample_path
from mambaseg.inference import Engine, Options
from mambaseg.metrics import evaluate
from mambaseg.types import LabelSet, Segmentation

TRAINING, HELD_OUT = range(20), range(20, 30)
ROOT = Path(__file__).parents[1]


def signed_distance(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    return distance_transform_edt(mask) - distance_transform_edt(1 - mask)


def blend(a: NDArray[np.uint8], b: NDArray[np.uint8], weight: float) -> NDArray[np.uint8]:
    """Shape between two (or beyond them): 0 gives a, 1 gives b."""
    distance = (1 - weight) * signed_distance(a) + weight * signed_distance(b)
    return (distance > 0).astype(np.uint8)


def baselines(masks: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.uint8]]:
    """Masks (T, Y, X) of the held-out frames, from the training frames' masks alone."""
    last, gap = TRAINING[-1], len(HELD_OUT) + 1
    return {
        "copy the nearest training frame": np.stack([masks[last]] * len(HELD_OUT)),
        "interpolate shapes, the clip taken as a loop": np.stack(
            [blend(masks[last], masks[0], (i - last) / gap) for i in HELD_OUT]
        ),
        "extrapolate shapes": np.stack(
            [blend(masks[last - 1], masks[last], i - last + 1) for i in HELD_OUT]
        ),
    }


def main() -> None:
    drawn = read_drawn_labels(ROOT / "sample_data" / "echo_left_ventricle.json")
    masks = [drawn.mask(i) for i in range(30)]
    image = read_image(sample_path("echo"))
    engine = Engine("cpu")
    held_out = engine.segment(image, "vivim-echo-demo", Options(frames=HELD_OUT)).labels
    whole = engine.segment(image, "vivim-echo-demo").labels
    predictions = {
        "vivim-echo-demo, clips of held-out frames only": np.asarray(held_out[20:]),
        "vivim-echo-demo, whole clip": np.asarray(whole[20:]),
        **baselines(masks),
    }
    labels = LabelSet.from_names({1: "left ventricle"})
    reference = Segmentation(np.stack(masks[20:]), "TYX", labels)
    lines = []
    for name, found in predictions.items():
        rows = evaluate(Segmentation(found, "TYX", labels), reference)
        dice = [row.value for row in rows if row.measure == "Dice"]
        lines.append([name, f"{np.mean(dice):.3f}", f"{np.min(dice):.3f}"])
    record(
        "The demonstration model on its held-out frames",
        "python benchmarks/held_out_dice.py",
        f"Dice of the left ventricle on {len(HELD_OUT)} frames of one clip, outlined by this "
        "project and not by a clinician.\n\n" + table(["", "mean", "least"], lines),
    )


if __name__ == "__main__":
    main()
