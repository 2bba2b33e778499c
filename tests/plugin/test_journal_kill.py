"""Kill -9 of a viewer at random moments of drawing: what it held a second before is there.

A restored mask has to be one whole state that the mask was in, by the log of the viewer that died.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import drawing_viewer
import numpy as np
import psutil
import pytest
from nnunet import check_raw_dataset
from patience import PATIENCE_S
from state_log import read_log

from mambaseg.corrections import Journal, find_store, list_kept_work, read_journal
from mambaseg.types import LabelSet, MedicalImage, Segmentation

pytestmark = [pytest.mark.usefixtures("display"), pytest.mark.slow]


def started(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, drawing_viewer.__file__, *options]
    paths = os.pathsep.join([str(Path(drawing_viewer.__file__).parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths, "XDG_DATA_HOME": str(folder)}
    return subprocess.Popen(  # noqa: S603
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def heard(process: subprocess.Popen[str]) -> str:
    """The next line of a process; where none comes for long, it is ended and there is none."""

    def end() -> None:
        for one in (*psutil.Process(process.pid).children(recursive=True), process):
            one.kill()

    assert process.stdout is not None
    timer = threading.Timer(PATIENCE_S, end)
    timer.start()
    try:
        return process.stdout.readline()
    finally:
        timer.cancel()


def killed(seed: int, process: subprocess.Popen[str], number: int) -> float:
    """Kill a process some time after it is ready; gives the time."""
    assert heard(process) == "ready\n"
    time.sleep(random.Random(seed).uniform(0.1, 2))  # noqa: S311
    when = time.time()
    os.kill(number, signal.SIGKILL)
    return when


def check_restored(folder: Path, when: float) -> None:
    (work,), problems = list_kept_work(folder=folder / "mambaseg" / "corrections" / "journals")
    assert problems == []
    assert not work.open, "a dead process holds no lock"
    kept, told = read_journal(work.path, work.head.image), read_log(folder)
    restored = kept.history.planes.array()
    assert told.fits(restored, when) or told.fits(before_last_move(work.path, told.pending), when)
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
    shutil.rmtree(folder)


def before_last_move(path: Path, pending: str) -> np.ndarray:
    """What was restored, without an undo or redo that is on disk and did not reach the mask."""
    history = read_journal(path).history
    back = {"undo": history.redo_target, "redo": history.undo_target}
    if pending in back:
        history.move(back[pending]())
    return history.planes.array()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, to be quick")
def test_95_kills_while_a_mask_is_drawn_on(tmp_path: Path) -> None:
    checks = []
    # Checked beside, so that the next one is drawn on meanwhile.
    with started(tmp_path, "server") as server, ThreadPoolExecutor(1) as checker:
        assert server.stdin is not None
        for seed in range(95):
            folder = tmp_path / str(seed)
            folder.mkdir()
            server.stdin.write(f"{seed} {folder}\n")
            server.stdin.flush()
            when = killed(seed, server, int(heard(server)))
            assert heard(server) == "dead\n"
            checks.append(checker.submit(check_restored, folder, when))
        server.kill()
    for check in checks:
        check.result()


@pytest.mark.parametrize("seed", range(100, 105))
def test_kills_while_a_mask_is_clicked_in(tmp_path: Path, seed: int) -> None:
    with started(tmp_path, "clicks", str(seed), str(tmp_path)) as viewer:
        when = killed(seed, viewer, viewer.pid)
        viewer.wait()
    check_restored(tmp_path, when)
