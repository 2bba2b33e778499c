"""Kill -9 of the viewer and of the training at random moments: what was said to be kept is."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import clicking_viewer
import numpy as np
import pytest
from nnunet import check_raw_dataset
from patience import wait_for
from verified import disc_film, nodule_model

from mambaseg.corrections import Store, corrections_folder, find_store
from mambaseg.session import open_runs
from mambaseg.training import Run
from mambaseg.training.events import Finished
from mambaseg.training.run_state import load_state
from mambaseg.zoo import load_network, read_model

pytestmark = [pytest.mark.usefixtures("display"), pytest.mark.slow]


def seen_until_killed(number: int, after: str, seconds: float, *options: str) -> list[str]:
    """Lines of a viewer that is killed some time after it said a certain word."""
    command = [sys.executable, clicking_viewer.__file__, str(number), *options]
    paths = os.pathsep.join([str(Path(clicking_viewer.__file__).parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(  # noqa: S603
        command, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        while after not in lines:
            line = process.stdout.readline()
            assert line, lines
            lines.append(line.strip())
        time.sleep(seconds)
        process.kill()
        # The kill may have come in the midst of a line, which then counts for nothing.
        whole, _, _ = process.stdout.read().rpartition("\n")
        return lines + whole.splitlines()


def test_viewers_that_are_killed_lose_no_verified_frame(model_folder: Path) -> None:
    nodule_model(model_folder)
    randomly = random.Random(0)  # noqa: S311
    _, masks = disc_film()
    for number in range(10):
        options, word = (["train"], "trains") if number == 0 else ([], "ready")
        lines = seen_until_killed(number, word, randomly.uniform(0, 2), *options)
        (folder,) = corrections_folder().glob("Dataset*")
        store = Store(folder)
        frames = {int(line) for line in lines if line.isdigit()}
        case = store.case_of(clicking_viewer.numbered_film(number)[0])
        verified = store.verified_frames(case) if case else ()
        assert frames <= set(verified)
        if case:
            kept = np.asarray(store.read(case)[1].labels[list(verified)])
            assert (kept == np.asarray(masks.labels[list(verified)])).all()
            check_raw_dataset(store.path)
    # The first viewer's training is not its child's child: it has gone on.
    (run,) = (Run(folder) for folder in open_runs())
    wait_for(lambda: run.outcome)
    assert isinstance(run.outcome, Finished)
    load_network(read_model(run.outcome.model))


def test_a_training_that_is_killed_ten_times_is_taken_up_again(
    desk: Any, model_folder: Path
) -> None:
    nodule_model(model_folder)
    film, masks = disc_film()
    find_store(masks.label_set, film.channel_names).verify(film, masks, [2, 10, 18, 26])
    desk.menu("Layers", "Segment", "Fine-tune (mambaseg)")
    panel = desk.panel("Fine-tune")
    desk.wait(lambda: panel.setup.frames.topLevelItemCount() > 0 and bool(panel.session.models))
    panel.setup.model.setCurrentText("parent")
    panel.setup.budget.amount.setValue(60)
    desk.wait(lambda: panel.setup.problem == "")
    desk.click(panel.start)
    randomly = random.Random(0)  # noqa: S311
    killed: set[int] = set()
    for _ in range(10):
        desk.wait(
            lambda: (
                panel.tuning is not None
                and panel.tuning.started is not None
                and panel.tuning.started.pid not in killed
            )
        )
        desk.qtbot.wait(randomly.randrange(4000))
        killed.add(panel.tuning.started.pid)
        os.kill(panel.tuning.started.pid, signal.SIGKILL)
        desk.wait(lambda: panel.tuning.state == "cut off")
        run = panel.tuning.run
        load_state(run.state_file)
        load_network(read_model(run.model_file))
        desk.click(panel.view.go_on)
    desk.wait(lambda: panel.tuning.started.pid not in killed)
    assert panel.tuning.started.resumed
    desk.click(panel.view.stop)
    desk.wait(lambda: panel.tuning.state == "finished")
    assert isinstance(run.outcome, Finished)
    load_network(read_model(run.outcome.model))
