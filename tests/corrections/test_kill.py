"""A process that dies while it writes leaves a store that holds all it had finished."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from nnunet import check_raw_dataset

from mambaseg.corrections import Store

_WRITER = """
import sys
import numpy as np
from mambaseg.corrections import Store
from mambaseg.types import LabelSet, MedicalImage, Segmentation

store = Store(sys.argv[1])
classes = LabelSet.from_names({1: "nodule"})
for number in range(1000):
    array = np.full((1, 20, 120, 160), number, np.uint16)
    clip = MedicalImage(array, "CTYX", source=f"clip {number}")
    for frame in range(0, 20, 4):
        masks = Segmentation(np.full((20, 120, 160), frame % 3 > 0, np.uint8), "TYX", classes)
        store.verify(clip, masks, [frame])
        print(number, frame, flush=True)
"""


@pytest.mark.parametrize("seed", range(10))
def test_kill_9_at_a_random_moment(tmp_path: Path, seed: int) -> None:
    command = [sys.executable, "-c", _WRITER, str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 0.25))  # noqa: S311
        process.kill()
        # The kill may have come in the midst of a line.
        whole, _, _ = process.stdout.read().rpartition("\n")
    finished = [line.split() for line in whole.splitlines()]
    store = Store(tmp_path / "store")
    kept = {}
    for case in store.cases():
        image, masks = store.read(case)
        number = int(np.asarray(image.array).max())
        assert (np.asarray(image.array) == number).all()
        kept[number] = store.verified_frames(case)
        for frame in kept[number]:
            assert (np.asarray(masks.labels[frame]) == (frame % 3 > 0)).all()
    for number, frame in finished:
        assert int(frame) in kept[int(number)]
    check_raw_dataset(store.path)
    # The next writer clears away what the killed one left.
    case = store.cases()[0]
    store.unverify(case, [0])
    assert not list(store.path.rglob(".partial-*"))
    shutil.rmtree(store.path)
