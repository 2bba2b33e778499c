"""Fine-tune a trained model on verified frames."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from contextlib import suppress

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader

from mambaseg.corrections import Store
from mambaseg.inference.devices import describe_device, resolve_device
from mambaseg.training.dataset import RandomClips
from mambaseg.training.events import Failed, Finished, RunEvent, Started, append_event, mean_dice
from mambaseg.training.held_out import stored_dice
from mambaseg.training.run import Run
from mambaseg.training.run_model import write_run_model
from mambaseg.training.run_state import RunState, load_state, save_state
from mambaseg.training.split import propose_held_out, split_frames
from mambaseg.training.stored_clip import StoredClip, open_clips
from mambaseg.training.timed_fit import TimedFit, TimedModule
from mambaseg.training.warm_start import warm_start
from mambaseg.types.errors import MambasegError, OutOfMemoryError, TrainingError
from mambaseg.types.finetuning_config import FineTuningConfig
from mambaseg.types.training_config import Optimization
from mambaseg.zoo import build_network, load_model, read_model

__all__ = ["finetune"]

_ENDLESS = 2**31
Tell = Callable[[RunEvent], None]


def finetune(
    config: FineTuningConfig,
    run: str | os.PathLike[str],
    *,
    device: str = "auto",
    listen: Callable[[RunEvent], None] | None = None,
) -> Finished:
    """Fine-tune a model on a store of corrections, within a budget of minutes.

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

    with home.running():
        try:
            return _finetune(config, home, resolve_device(device), tell, begun)
        except MambasegError as error:
            _fail(tell, str(error))
            raise
        except (torch.OutOfMemoryError, MemoryError) as error:
            message = (
                f"The memory of {describe_device(resolve_device(device))} did not suffice to "
                f"train with {config.batch_size} clips at once. Close other programs and start "
                "the same command again to go on, or use another device."
            )
            _fail(tell, message)
            raise OutOfMemoryError(message) from error
        except Exception as error:
            _fail(tell, f"Unexpected {type(error).__name__}: {error}. This is a fault in mambaseg.")
            raise


def _fail(tell: Tell, message: str) -> None:
    with suppress(MambasegError):  # the same full disk, for example
        tell(Failed(message=message))


def _finetune(
    config: FineTuningConfig, home: Run, device: torch.device, tell: Tell, begun: float
) -> Finished:
    lightning.seed_everything(config.seed, verbose=False)
    store = Store(config.data)
    resumed = home.state_file.exists()
    moments: dict[int, dict[str, torch.Tensor]] = {}
    if resumed:
        state, weights, moments = load_state(home.state_file)
        _check_same_run(home, state.config, config)
        state = state.model_copy(update={"config": config})
        network = build_network(state.recipe)
        network.load_state_dict(weights)
    else:
        state, network = _new_run(config, store)
    clips = open_clips(store, state.split, state.recipe)
    network = network.to(device).eval()

    def validate() -> dict[str, float]:
        return stored_dice(network, state.recipe, clips, device)

    if not resumed:
        if not state.new_weights:
            before = validate() or None
            state = state.model_copy(update={"before": before, "kept": before})
            write_run_model(home, state, network)
        save_state(home.state_file, state, network, None)
    measurable = any(clip.shows_objects(clip.held_out) for clip in clips)
    tell(_started(state, resumed, measurable))
    fit = TimedFit(home, state, moments, validate, tell, begun)
    _fit(fit, TimedModule(network, state.recipe, _optimization(config)), clips, device)
    finished = _finished(home, fit)
    tell(finished)
    return finished


def _new_run(config: FineTuningConfig, store: Store) -> tuple[RunState, nn.Module]:
    classes = store.label_set
    verified = {case: frames for case in store.cases() if (frames := store.verified_frames(case))}
    if classes is None or not verified:
        raise TrainingError(
            f"{store.path} holds no verified frames, so there is nothing to learn from: verify "
            "some frames of a clip first, five well spread ones for a start."
        )
    parent = load_model(config.model)
    network, recipe, new_weights = warm_start(parent, classes)
    # Half a clip apart, a held-out frame is validated in a clip without training frames.
    margin = max(1, recipe.video.clip_length // 2)
    held_out = config.held_out
    if held_out is None:
        held_out = propose_held_out(verified, margin=margin)
    split = split_frames(verified, held_out, margin=margin)
    if not split.training:
        raise TrainingError(
            f"All verified frames of {store.path} are held out or next to held-out ones, so none "
            "is left to train: hold out fewer, or verify more."
        )
    state = RunState(
        config=config,
        recipe=recipe,
        parent=parent.name,
        parent_sha256=parent.sha256,
        parent_card=parent.card,
        split=split,
        new_weights=new_weights,
    )
    return state, network


def _started(state: RunState, resumed: bool, measurable: bool) -> Started:
    split, notes = state.split, []
    if state.new_weights:
        notes.append(
            f"The classes {list(state.recipe.labels.values())} are not those of {state.parent}, so "
            f"{len(state.new_weights)} weights start untrained and it has no score of its own."
        )
    if not split.held_out:
        notes.append(
            "No frame is held out, so there will be no score: verify more frames, "
            "some of them apart from the others, to get one."
        )
    elif not measurable:
        notes.append(
            f"None of the classes {list(state.recipe.labels.values())} is drawn on the held-out "
            "frames, so there will be no score: hold out frames that show one."
        )
    if split.left_out:
        near = "; ".join(f"{case}: {list(frames)}" for case, frames in split.left_out.items())
        notes.append(f"Verified frames next to held-out ones do not train ({near}).")
    return Started(
        pid=os.getpid(),
        config=state.config,
        parent=state.parent,
        parent_sha256=state.parent_sha256,
        split=split,
        new_weights=state.new_weights,
        before=state.before,
        notes=tuple(notes),
        resumed=resumed,
    )


def _finished(home: Run, fit: TimedFit) -> Finished:
    before, after = fit.state.before, fit.state.kept
    model = read_model(home.model_file)
    return Finished(
        reason=fit.reason,
        step=fit.state.step,
        before=before,
        after=after,
        improved=mean_dice(after) > mean_dice(before) if before and after else None,
        model=str(model.path),
        sha256=model.sha256,
    )


def _check_same_run(home: Run, old: FineTuningConfig, new: FineTuningConfig) -> None:
    if isinstance(home.outcome, Finished):
        raise TrainingError(
            f"The run in {home.path} has finished; its model is {home.model_file}. "
            "Choose another folder for a new run."
        )
    changed = [
        f"{name} {getattr(old, name)!r}"
        for name in ("model", "data", "held_out", "name")
        if getattr(old, name) != getattr(new, name)
    ]
    if changed:
        raise TrainingError(
            f"{home.path} holds a run that was started with {', '.join(changed)}: "
            "start it with the same to go on, or choose another folder."
        )


def _optimization(config: FineTuningConfig) -> Optimization:
    return Optimization(learning_rate=config.learning_rate, weight_decay=config.weight_decay)


def _fit(fit: TimedFit, module: TimedModule, clips: list[StoredClip], device: torch.device) -> None:
    state, config = fit.state, fit.state.config
    dataset = RandomClips(
        [tensors for clip in clips for tensors in clip.training_tensors(state.recipe)],
        state.recipe,
        config.augmentation,
        length=_ENDLESS,
        seed=config.seed + state.step,  # so that a run that goes on sees new samples
    )
    trainer = lightning.Trainer(
        accelerator=device.type,
        devices=1 if device.index is None else [device.index],
        max_epochs=1,
        gradient_clip_val=config.gradient_clip,
        callbacks=[fit],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    module.train()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        warnings.filterwarnings("ignore", ".*LeafSpec.*")  # Lightning's own, with this torch
        try:
            trainer.fit(module, DataLoader(dataset, batch_size=config.batch_size))
        except SystemExit as error:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from error
