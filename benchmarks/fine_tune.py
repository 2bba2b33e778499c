"""Dice after fine-tuning on five verified frames of a film that the model has never seen.

    python benchmarks/fine_tune.py SHARED [MINUTES]

SHARED/data/vivim_vtus holds the film and its masks, one clip of Vivim's thyroid data. It is scored
on the frames that were never shown, beside copying the nearest verified frame's mask.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from record import record, table
from thyroid_film import mean_dice, thyroid_film

from mambaseg.corrections import Store
from mambaseg.inference import Engine
from mambaseg.training import FineTuningConfig, Run, finetune
from mambaseg.training.events import Progress
from mambaseg.types import LabelSet, Segmentation
from mambaseg.zoo import load_model

PARENT = "vivim-nerve-vessel"
VALUE = 1
VERIFIED = (3, 24, 45, 66, 87)  # evenly spaced over the 91 frames


def main() -> None:
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 4.5
    image, true = thyroid_film(Path(sys.argv[1]))
    labels = LabelSet.from_names(load_model(PARENT).recipe.labels)
    masks = Segmentation((VALUE * true).astype(np.uint8), "TYX", labels, image.geometry)
    nearest = [min(VERIFIED, key=lambda frame: abs(frame - i)) for i in range(len(true))]
    engine = Engine()
    with tempfile.TemporaryDirectory() as home:
        store = Store(Path(home) / "Dataset501_film")
        store.verify(image, masks, VERIFIED)
        config = FineTuningConfig(model=PARENT, data=str(store.path), minutes=minutes)
        run, begun = Path(home) / "run", time.monotonic()
        finished = finetune(config, run)
        seconds = time.monotonic() - begun
        events, _ = Run(run).events()
        first = next(e.seconds for e in events if isinstance(e, Progress) and e.dice)
        results = {
            "before": engine.segment(image, PARENT).labels == VALUE,
            "after": engine.segment(image, finished.model).labels == VALUE,
            "the nearest verified frame, copied": true[nearest],
        }
    rows = [
        [name, f"{mean_dice(np.asarray(found), true, VERIFIED):.3f}"]
        for name, found in results.items()
    ]
    record(
        "Fine-tuning on five frames",
        f"python benchmarks/fine_tune.py SHARED {minutes:g}",
        f"`{PARENT}` on a film of {len(true)} frames of 256 x 256. {VERIFIED} are verified, "
        f"of which the last is held out: {finished.step} steps in {seconds:.0f} s, the first "
        f"validation after {first:.0f} s.\n\n"
        + table(["", f"Dice on the {len(true) - len(VERIFIED)} frames never shown"], rows),
    )


if __name__ == "__main__":
    main()
