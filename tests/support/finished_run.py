"""A fine-tuning that nobody has decided on, as its process leaves it, without the training."""

from __future__ import annotations

import numpy as np
from verified import NODULE, disc_film, nodule_model

from mambaseg.session import runs_folder
from mambaseg.training import FineTuningConfig, FrameSplit, Run
from mambaseg.training.events import Finished, Progress, Started, append_event
from mambaseg.training.held_out_views import HeldOutView, HeldOutViews, write_views
from mambaseg.training.score_changes import ScoreChange
from mambaseg.types.optimization import Budget

HELD_OUT = (20, 24, 28)
BEFORE, AFTER = {"nodule": 0.5}, {"nodule": 0.9}


def old_mask(frame: int) -> np.ndarray:
    """What the parent found: nothing in the upper half."""
    mask = np.array(disc_film()[1].labels[frame])
    mask[:24] = 0
    return mask


def views() -> HeldOutViews:
    film, masks = disc_film()
    found = []
    for frame in HELD_OUT:
        truth = np.array(masks.labels[frame])
        picture = np.ascontiguousarray(np.moveaxis(film.array[:, frame], 0, -1))
        stages = {"before": old_mask(frame), "now": truth, "kept": truth}
        found.append(
            HeldOutView("disc", frame, picture, truth, stages, {"before": 0.5, "kept": 0.9})
        )
    return HeldOutViews("frame", NODULE, found)


def finished_run(parent: str = "parent") -> Run:
    """A run in the user's folder that raised a score from 0.5 to 0.9."""
    run = Run(runs_folder() / "20260102-030405-ab")
    run.path.mkdir(parents=True)
    config = FineTuningConfig(model=parent, data="store", budget=Budget(minutes=1))
    (run.path / "config.json").write_text(config.model_dump_json())
    nodule_model(run.path, scores={"nodule": 0.9}, parent_scores={"nodule": 0.5}).path.rename(
        run.model_file
    )
    split = FrameSplit(training={"disc": (2, 8)}, held_out={"disc": HELD_OUT}, left_out={})
    change = ScoreChange(
        class_name="nodule",
        before=0.5,
        after=0.9,
        before_interval=(0.41, 0.58),
        after_interval=(0.87, 0.93),
        change_interval=(0.3, 0.5),
        n=3,
        of="frames",
    )
    for event in (
        Started(
            pid=1, config=config, parent=parent, parent_sha256="0" * 64, split=split, before=BEFORE
        ),
        Progress(step=4, loss=0.5, seconds=2, seconds_left=58, dice={"nodule": 0.7}, kept=0.7),
        Progress(step=9, loss=0.2, seconds=60, seconds_left=0, dice=AFTER, kept=0.9),
        Finished(
            reason="time",
            step=9,
            before=BEFORE,
            after=AFTER,
            improved=True,
            changes=(change,),
            model=str(run.model_file),
            sha256="0" * 64,
        ),
    ):
        append_event(run.events_file, event)
    write_views(run.views_file, views())
    return run
