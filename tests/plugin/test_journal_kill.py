"""Kill -9 of a viewer at random moments of drawing: what it held a second before is there."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import drawing_viewer
import numpy as np
import pytest
from nnunet import check_raw_dataset

from mambaseg.corrections import Journal, find_store, list_kept_work, read_journal
from mambaseg.types import LabelSet, MedicalImage, Segmentation

pytestmark = [pytest.mark.usefixtures("display"), pytest.mark.slow]

LOST_S = 1.0


def started(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, drawing_viewer.__file__, *options]
    paths = os.pathsep.join([str(Path(drawing_viewer.__file__).parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths, "XDG_DATA_HOME": str(folder)}
    return subprocess.Popen(  # noqa: S603
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def killed(seed: int, process: subprocess.Popen[str], number: int) -> float:
    """Kill a process some time after it is ready; gives the time."""
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(random.Random(seed).uniform(0.1, 2.5))  # noqa: S311
    os.kill(number, signal.SIGKILL)
    return time.time()


def check_restored(home: Path, folder: Path, when: float) -> None:
    (work,), problems = list_kept_work(folder=home / "mambaseg" / "corrections" / "journals")
    assert problems == []
    assert not work.open, "a dead process holds no lock"
    kept = read_journal(work.path, work.head.image)
    restored = kept.history.planes.array()
    states = list(drawing_viewer.states_of(folder))
    # The state that stood a second before, or any later one.
    before = [number for number, (told, _) in enumerate(states) if told <= when - LOST_S]
    recent = [np.zeros(drawing_viewer.SHAPE, np.uint8)] if not before else []
    recent += [mask for _, mask in states[before[-1] if before else 0 :]]
    # An edit that was on its way when it was killed is on disk, but in no list of states.
    planes = [n for n in range(len(restored)) if any((m[n] == restored[n]).all() for m in recent)]
    assert len(planes) >= len(restored) - 1, f"{len(planes)} of {len(restored)} planes are known"
    journal = Journal.resume(folder, work.path, kept)
    while journal.undo():
        pass
    assert not journal.history.planes.array().any(), "undo leads back to the beginning"
    journal.close()
    classes = LabelSet.from_names({1: "nodule", 2: "vessel"})
    clip = MedicalImage(np.zeros((1, *restored.shape), np.uint8), "CTYX", source="blobs")
    store = find_store(classes, clip.channel_names, folder / "stores")
    store.verify(clip, Segmentation(restored, "TYX", classes), range(len(restored)))
    check_raw_dataset(store.path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, to be quick")
def test_95_kills_while_a_mask_is_drawn_on(tmp_path: Path) -> None:
    with started(tmp_path, "server") as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for seed in range(95):
            folder = tmp_path / str(seed)
            folder.mkdir()
            server.stdin.write(f"{seed} {folder}\n")
            server.stdin.flush()
            when = killed(seed, server, int(server.stdout.readline()))
            assert server.stdout.readline() == "dead\n"
            check_restored(tmp_path, folder, when)
            shutil.rmtree(tmp_path / "mambaseg" / "corrections")
        server.kill()


@pytest.mark.parametrize("seed", range(100, 105))
def test_kills_while_a_mask_is_clicked_in(tmp_path: Path, seed: int) -> None:
    with started(tmp_path, "clicks", str(seed), str(tmp_path)) as viewer:
        when = killed(seed, viewer, viewer.pid)
        viewer.wait()
    check_restored(tmp_path, tmp_path, when)
