"""Fine-tune a trained model on verified frames, or on a data set."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import lightning
import torch
from torch import nn
from torch.utils.data import Dataset

from mambaseg.inference.devices import resolve_device
from mambaseg.training.attempt import attempt
from mambaseg.training.events import (
    Dice,
    Finished,
    Reason,
    RunEvent,
    append_event,
    mean_dice,
)
from mambaseg.training.examination import Examination
from mambaseg.training.fitting import ACCELERATORS, fit
from mambaseg.training.module import SegmentationModule
from mambaseg.training.replay import WithReplay, replayed
from mambaseg.training.run import Run
from mambaseg.training.run_model import write_run_model
from mambaseg.training.run_state import RunState, Saved, load_state, save_state
from mambaseg.training.run_words import finished, started
from mambaseg.training.supervision import Supervision
from mambaseg.training.tuning_data import OpenData, TuningData, open_tuning_data
from mambaseg.training.warm_start import warm_start
from mambaseg.types.errors import TrainingError
from mambaseg.types.finetuning_config import FineTuningConfig
from mambaseg.types.optimization import Batches, Cosine, Optimization
from mambaseg.zoo import build_network, load_model

__all__ = ["finetune"]

_VALIDATIONS, _FIRST_VALIDATION_S = 12, 20.0
Tell = Callable[[RunEvent], None]


def finetune(
    config: FineTuningConfig,
    run: str | os.PathLike[str],
    *,
    device: str = "auto",
    listen: Callable[[RunEvent], None] | None = None,
) -> Finished:
    """Fine-tune a model on a store of corrections, or another data set, within a budget.

    What happens is told in `events.jsonl` in the run's folder; `control` there
    is obeyed. A run that was cut off goes on where it last saved itself when it
    is started again with the same configuration (whose budget may differ).

    Parameters
    ----------
    config : FineTuningConfig
    run : path-like
        The run's folder: a new one, or one of a run that was cut off.
    device : str
        "auto" for the fastest, or a device such as "cuda", "mps" or "cpu".
    listen : callable, optional
        Is given each event once it is in the file.

    Returns
    -------
    Finished
        The run's last event: scores before and after, and the model's path.

    Raises
    ------
    TrainingError
        If there is nothing to learn from, the folder holds another run, or the
        training diverges.
    MambasegError
        If the model or the store cannot be read, or the folder not be written;
        the store, the model, and what the run had saved stay whole.
    """
    begun, home = time.monotonic(), Run(run)

    def tell(event: RunEvent) -> None:
        append_event(home.events_file, event)
        if listen is not None:
            listen(event)

    where = resolve_device(device, ACCELERATORS)
    with attempt(home, tell, where, config.batch_size):
        return _finetune(config, home, where, tell, begun)


def _finetune(
    config: FineTuningConfig, home: Run, device: torch.device, tell: Tell, begun: float
) -> Finished:
    lightning.seed_everything(config.seed, verbose=False)
    source = open_tuning_data(config.data)
    resumed = home.state_file.exists()
    if resumed:
        saved = load_state(home.state_file)
        _check_same_run(home, saved.state.config, config)
        saved = saved._replace(state=saved.state.model_copy(update={"config": config}))
        network = build_network(saved.state.recipe)
        network.load_state_dict(saved.weights)
    else:
        state, network = _new_run(config, source)
        saved = Saved(state, {}, {}, {})
    data = source.open(saved.state.split, config, saved.state.recipe)
    state = saved.state.model_copy(update={"data_sha256": data.sha256})
    saved = saved._replace(state=state)
    network = network.to(device).eval()

    examination = Examination(home, state, data, device)
    samples = _with_replay(config, home, data, network, state, device)
    if not resumed:
        if not state.is_new:
            before = examination(network) or None
            rows = examination.rows
            state = state.model_copy(
                update={
                    "before": before,
                    "kept": before,
                    "before_rows": rows,
                    "kept_rows": rows,
                }
            )
            examination.call("before", "kept")
            examination.write()
            write_run_model(home, state, network)
        save_state(home.state_file, state, network, None)
        saved = saved._replace(state=state)
    lacks_replay = config.replay > 0 and samples is data.samples
    tell(started(state, resumed, data.measurable, lacks_replay))
    watch = _Watch(
        home,
        saved,
        examination,
        budget=config.budget.in_steps(state.split.n_training, config.batch_size),
        validations=_VALIDATIONS,
        tell=tell,
        begun=begun,
        seed=config.seed,
        first_validation_s=_FIRST_VALIDATION_S,
    )
    module = SegmentationModule(network, state.recipe, _optimization(config))
    fit(module, samples, watch, batches=Batches(size=config.batch_size), device=device)
    last = finished(home, watch.state, watch.reason)
    tell(last)
    return last


class _Watch(Supervision[RunState]):
    """Keeps the latest weights that are better than the parent's.

    All validated weights where there is nothing to compare.

    Parameters
    ----------
    run, saved
        As of `Supervision`.
    examination : Examination
    **rest
        As of `Supervision`.
    """

    def __init__(
        self, run: Run, saved: Saved[RunState], examination: Examination, **rest: Any
    ) -> None:
        super().__init__(run, saved, validate=examination, **rest)
        self._examination = examination

    def judge(self, network: nn.Module, dice: Dice) -> Reason | None:
        """Keep the weights as the run's model, or not."""
        before = self.state.before
        # Not the best so far: on a few held-out frames that is often a lucky one from early on.
        if not dice or before is None or mean_dice(dice) > mean_dice(before):
            kept = {"kept": dice or None, "kept_rows": self._examination.rows}
            self.state = self.state.model_copy(update=kept)
            write_run_model(self.run, self.state, network)
            self._examination.call("kept")
        self._examination.write()
        return None


def _new_run(config: FineTuningConfig, source: TuningData) -> tuple[RunState, nn.Module]:
    parent = load_model(config.model)
    network, recipe, new_weights = warm_start(parent, source.label_set(parent.recipe))
    split, unit = source.split(config, recipe)
    state = RunState(
        config=config,
        recipe=recipe,
        parent=parent.name,
        parent_sha256=parent.sha256,
        parent_card=parent.card,
        split=split,
        unit=unit,
        new_weights=new_weights,
    )
    return state, network


def _with_replay(
    config: FineTuningConfig,
    home: Run,
    data: OpenData,
    network: nn.Module,
    state: RunState,
    device: torch.device,
) -> Dataset[Any]:
    """Mix what the parent says of unlabelled frames into the samples, where that is asked for."""
    if not config.replay or state.is_new:
        return data.samples
    replay = replayed(
        home.replay_file,
        data.unlabelled(),
        network,
        state.recipe,
        device,
        augmentation=config.augmentation,
        seed=config.seed,
    )
    return (
        data.samples
        if replay is None
        else WithReplay(data.samples, replay, config.replay, config.seed)
    )


def _check_same_run(home: Run, old: FineTuningConfig, new: FineTuningConfig) -> None:
    if isinstance(home.outcome, Finished):
        raise TrainingError(
            f"The run in {home.path} has finished; its model is {home.model_file}. "
            "Choose another folder for a new run."
        )
    changed = [
        f"{name} {getattr(old, name)!r}"
        for name in ("model", "data", "held_out", "name", "trains", "layer_decay", "replay")
        if getattr(old, name) != getattr(new, name)
    ]
    if changed:
        raise TrainingError(
            f"{home.path} holds a run that was started with {', '.join(changed)}: "
            "start it with the same to go on, or choose another folder."
        )


def _optimization(config: FineTuningConfig) -> Optimization:
    return Optimization(
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        gradient_clip=config.gradient_clip,
        schedule=Cosine(warm_up=0.05, lowest=0.01),
        average_decay=0.0,
        trains=config.trains,
        layer_decay=config.layer_decay,
    )
