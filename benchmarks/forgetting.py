"""What fine-tuning on five frames of a film teaches, and what it makes the model forget.

    python benchmarks/forgetting.py SHARED [STEPS]

SHARED/data holds `vivim_vtus`, a film with masks, and `usgra_seg`, the stills that the model
learned before. Each way of fine-tuning is scored on the film's frames that were never shown, and on
the stills that were held out when the model was made.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fine_tune import PARENT, VALUE, VERIFIED
from record import record, table
from thyroid_film import mean_dice, thyroid_film

from mambaseg.corrections import Store
from mambaseg.inference import Engine
from mambaseg.training import FineTuningConfig, finetune
from mambaseg.training.held_out import dice_rows, mean_dices
from mambaseg.training.labelled_set import OpenSet
from mambaseg.types import LabelSet, Segmentation
from mambaseg.types.trained_model import TrainedModel
from mambaseg.types.training_data import LabelledSet
from mambaseg.zoo import load_model, load_network, read_model

WAYS: dict[str, dict[str, Any]] = {
    "all weights": {},
    "all weights, a quarter of the samples replayed": {"replay": 0.25},
    "the decoder alone": {"trains": "decoder"},
    "all weights, rate times 0.65 for each level": {"layer_decay": 0.65},
}


def main() -> None:
    shared, steps = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 24
    image, true = thyroid_film(shared)
    parent = load_model(PARENT)
    labels = LabelSet.from_names(parent.recipe.labels)
    masks = Segmentation((VALUE * true).astype(np.uint8), "TYX", labels, image.geometry)
    split = LabelledSet(path="data/usgra_seg", held_out=0.2, look_alike=0.8)
    stills = OpenSet.open(split, parent.recipe, shared, 0)
    engine = Engine("cpu")

    def row(name: str, model: TrainedModel, seconds: str) -> list[str]:
        found = np.asarray(engine.segment(image, model.path).labels) == VALUE
        network, device = load_network(model), torch.device("cpu")
        old = mean_dices(dice_rows(network, model.recipe, stills.scored(), device))
        return [
            name,
            f"{mean_dice(found, true, VERIFIED):.3f}",
            *(f"{v:.3f}" for v in old.values()),
            seconds,
        ]

    rows = [row(f"`{PARENT}` as it is", parent, "")]
    for name, settings in WAYS.items():
        with tempfile.TemporaryDirectory() as home:
            store = Store(Path(home) / "Dataset501_film")
            store.verify(image, masks, VERIFIED)
            content = {"model": PARENT, "data": str(store.path), "budget": {"steps": steps}}
            config = FineTuningConfig.model_validate({**content, **settings})
            begun = time.monotonic()
            done = finetune(config, Path(home) / "run", device="cpu")
            rows.append(row(name, read_model(done.model), f"{time.monotonic() - begun:.0f}"))
    record(
        "Fine-tuning: what is learnt, and what is forgotten",
        f"python benchmarks/forgetting.py SHARED {steps}",
        f"{steps} steps on the frames {VERIFIED} of a film, the last of them held out.\n\n"
        + table(["", "film, unseen frames", "stills, nerve", "stills, vessel", "seconds"], rows),
    )


if __name__ == "__main__":
    main()
