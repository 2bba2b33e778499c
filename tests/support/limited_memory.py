"""A segmentation in a process whose address space is limited.

    python limited_memory.py FOLDER volume|large|clip BATCH MIB estimate|no

Prints as JSON which rungs the engine took, and whether the labels are those of an unlimited run.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from models import VOLUMES, model_of, random_clip, random_volume, small_model

from mambaseg.inference import Adapted, Chunk, Engine, Options, remembered, running
from mambaseg.types.errors import OutOfMemoryError


def main(folder: Path, kind: str, batch: int, headroom_mib: int, look_ahead: bool) -> None:
    torch.set_num_threads(1)
    remembered.remembered_file = lambda: folder / "memory.json"
    if not look_ahead:  # no estimate: the limit is met while it runs
        running.is_plenty = lambda *_: True
    if kind == "large":  # its window is what weighs
        taken = {**VOLUMES["input"], "patch_size": (96, 96, 96)}
        model = model_of(folder, "m", {**VOLUMES, "input": taken})
        image, options = random_volume((96, 96, 104)), Options(precision="float32", batch=batch)
    elif kind == "volume":
        arguments = {**VOLUMES["arguments"], "widths": [8, 8, 8, 8]}
        taken = {**VOLUMES["input"], "patch_size": (64, 64, 64)}
        labels = {value: f"part {value}" for value in range(1, 21)}  # so that the sums weigh
        content = {**VOLUMES, "arguments": arguments, "input": taken, "labels": labels}
        model = model_of(folder, "m", content)
        image, options = random_volume((80, 80, 96)), Options(precision="float32", batch=batch)
    else:
        arguments = {"backbone": "b0", "widths": [16, 32, 40, 64], "decoder_width": 64}
        model = small_model(folder, arguments=arguments, spatial_size=(128, 160))
        image, options = random_clip(14, (96, 120)), Options(precision="float32", batch=batch)
    engine = Engine("cpu")
    expected = np.asarray(engine.segment(image, model, Options(precision="float32")).labels)
    gc.collect()
    limit = psutil.Process().memory_info().vms + headroom_mib * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    found: dict[str, Any] = {"rungs": [], "error": None}
    chunks = []
    try:
        for event in engine.stream(image, model, options):
            if isinstance(event, Adapted):
                found["rungs"].append(event.rung)
                found["text"] = event.text
            elif isinstance(event, Chunk):
                chunks.append((event.start, event.stop))
                found["same"] = float((event.labels == expected[event.start : event.stop]).mean())
    except OutOfMemoryError as error:
        found["error"] = str(error)
    found["chunks"] = chunks
    print(json.dumps(found))  # noqa: T201 - for the process that started it


if __name__ == "__main__":
    folder, kind, batch, headroom, look_ahead = sys.argv[1:]
    main(Path(folder), kind, int(batch), int(headroom), look_ahead == "estimate")
