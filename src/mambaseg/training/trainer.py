"""A training run from its configuration to a trained model on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import lightning
import torch
from torch import nn

from mambaseg.files import check_writable, clear_leftovers
from mambaseg.inference.devices import resolve_device
from mambaseg.training.attempt import attempt
from mambaseg.training.events import (
    Dice,
    Finished,
    Reason,
    TrainingEvent,
    TrainingStarted,
    append_event,
    mean_dice,
)
from mambaseg.training.fitting import ACCELERATORS, fit, processes
from mambaseg.training.held_out import dice_rows, mean_dices, named_scores
from mambaseg.training.memory import training_memory
from mambaseg.training.module import SegmentationModule
from mambaseg.training.run import Run
from mambaseg.training.run_state import Saved, TrainingState, load_state, save_state
from mambaseg.training.sources import Sources
from mambaseg.training.supervision import Supervision
from mambaseg.types.errors import OutputError, TrainingError
from mambaseg.types.optimization import Budget
from mambaseg.types.trained_model import TrainedModel
from mambaseg.types.training_config import TrainingConfig
from mambaseg.zoo import build_network, load_network, read_model, write_model

__all__ = ["resume", "train"]

_QUICK = 8
"""Held-out cases that are segmented while it trains; in the end, all are."""

Listener = Callable[[TrainingEvent], None]


def train(
    config: TrainingConfig,
    output: str | os.PathLike[str],
    *,
    folder: str | os.PathLike[str] = ".",
    run: str | os.PathLike[str] | None = None,
    device: str = "auto",
    listen: Listener | None = None,
) -> TrainedModel:
    """Train a network, score it on what was held out, and write it.

    Parameters
    ----------
    config : TrainingConfig
    output : path-like
        The `.safetensors` file to write, whole or not at all.
    folder : path-like
        Folder that relative paths in `config` start from.
    run : path-like, optional
        The run's folder, a new one: `events.jsonl` there says how it goes, `control` is obeyed,
        `state.safetensors` is all that `resume` needs. Unless given, `output` with the suffix .run.
    device : str
        "auto" for the fastest, or a device such as "cuda", "mps" or "cpu".
    listen : callable, optional
        Is given each event once it is in the file.

    Returns
    -------
    TrainedModel
        With the mean held-out Dice of each class in its card.

    Raises
    ------
    TrainingError
        If data do not fit, the folder holds a run already, or the training diverges.
    InvalidConfigError
        If the Recipe's arguments do not fit its network.
    MambasegError
        If data cannot be read or the model not be written.
    """
    target = Path(output)
    if target.suffix != ".safetensors" or target.is_dir():
        raise OutputError(
            f"Cannot write a model as {target}: name a file that ends in .safetensors."
        )
    check_writable(target.parent)
    home = Run(target.with_suffix(".run") if run is None else run)
    leads = processes()[0] == 0  # the others may come when it has written its first state
    if leads and home.state_file.exists():
        raise TrainingError(
            f"{home.path} holds a training already: go on with it (in the shell: mambaseg train "
            "--resume FOLDER), or choose another folder or output."
        )
    sources = Sources(config, Path(folder))
    state = TrainingState(
        config=config,
        folder=str(Path(folder).resolve()),
        output=str(target.resolve()),
        training=sources.training,
        held_out=sources.held_out,
    )
    return _Training(home, Saved(state, {}, {}, {}), sources, device, listen).run()


def resume(
    run: str | os.PathLike[str],
    *,
    budget: Budget | None = None,
    device: str = "auto",
    listen: Listener | None = None,
) -> TrainedModel:
    """Go on with a training that was cut off or stopped; it ends where it would have.

    Parameters
    ----------
    run : path-like
        Its folder.
    budget : Budget, optional
        A new one, what was spent included.
    device, listen
        As of `train`.

    Raises
    ------
    TrainingError
        If there is none, its state is damaged, or its data are others now; else as `train`.
    """
    home = Run(run)
    if not home.state_file.exists():
        raise TrainingError(
            f"{home.path} holds no training to go on with (no {home.state_file.name}): check the "
            "folder, or start anew."
        )
    saved = load_state(home.state_file, TrainingState)
    config = saved.state.config
    if budget is not None:
        config = config.model_copy(update={"budget": budget})
        saved = saved._replace(state=saved.state.model_copy(update={"config": config}))
    sources = Sources(config, Path(saved.state.folder))
    if (sources.training, sources.held_out) != (saved.state.training, saved.state.held_out):
        raise TrainingError(
            f"The data of the training in {home.path} have other cases now than when it began: "
            "bring them back, or start anew in another folder."
        )
    home.forget_requests()
    if processes()[0] == 0:
        clear_leftovers(saved.state.output)
    return _Training(home, saved, sources, device, listen).run()


class _Training:
    """One training, new or going on."""

    def __init__(
        self,
        home: Run,
        saved: Saved[TrainingState],
        sources: Sources,
        device: str,
        listen: Listener | None,
    ) -> None:
        self.begun = time.monotonic()
        self.home, self.saved, self.sources = home, saved, sources
        self.config, self.listen = saved.state.config, listen
        self.device = resolve_device(device, ACCELERATORS)
        self.rank, self.world = processes()

    def tell(self, event: TrainingEvent) -> None:
        append_event(self.home.events_file, event)
        if self.listen is not None:
            self.listen(event)

    def run(self) -> TrainedModel:
        batches, leads = self.config.batches, self.rank == 0
        with attempt(
            self.home, self.tell, self.device, batches.at_once or batches.size, leads=leads
        ):
            return self._run()

    def _run(self) -> TrainedModel:
        config, state = self.config, self.saved.state
        lightning.seed_everything(config.seed, verbose=False)
        network = build_network(config.recipe)
        if self.saved.weights:
            network.load_state_dict(self.saved.weights)
        samples = self.sources.samples()
        budget = config.budget.in_steps(len(state.training), config.batches.size)
        if self.rank == 0:
            if not self.saved.weights:
                save_state(self.home.state_file, state, network, None)
            self.tell(self._started(network))
        watch = _Watch(
            self.home,
            self.saved,
            budget=budget,
            validations=config.validation.times,
            validate=self._quick_dice,
            tell=self.tell,
            begun=self.begun,
            seed=config.seed,
        )
        module = SegmentationModule(network, config.recipe, config.optimization, config.loss)
        if budget.steps is None or state.step < budget.steps:
            fit(
                module,
                samples,
                watch,
                batches=config.batches,
                device=self.device,
                deterministic=config.deterministic,
            )
            network = watch.network(module)
        elif self.saved.average:  # it was cut off while it wrote the model
            average = torch.optim.swa_utils.AveragedModel(network)
            average.load_state_dict(self.saved.average)
            network = average.module
        return self._finish(watch, network)

    def _started(self, network: nn.Module) -> TrainingStarted:
        state = self.saved.state
        return TrainingStarted(
            pid=os.getpid(),
            config=self.config,
            training=state.training,
            held_out=state.held_out,
            parameters=sum(weight.numel() for weight in network.parameters()),
            resumed=bool(self.saved.weights),
            memory=self._memory(network),
        )

    def _memory(self, network: nn.Module) -> str:
        batches = self.config.batches
        at_once = min(batches.at_once or max(batches.size // self.world, 1), batches.size)
        try:
            return training_memory(network, self.config, at_once, self.device).text
        except ValueError:  # what the network does not take, its first step will say
            return ""

    def _quick_dice(self, network: nn.Module) -> Dice:
        values = dice_rows(
            network, self.config.recipe, self.sources.scored(_QUICK), self.device, mirror=False
        )
        return mean_dices(values)

    def _finish(self, watch: _Watch, network: nn.Module) -> TrainedModel:
        """Score what was kept, and write it."""
        config, target = self.config, Path(watch.state.output)
        if self.rank == 0:
            if config.validation.keep == "best" and self.home.model_file.exists():
                network = load_network(read_model(self.home.model_file))
            # As the file will hold it: the card says what whoever has the file will measure.
            network = network.to(self.device).half().float().eval()
            values = dice_rows(network, config.recipe, self.sources.scored(), self.device)
            scores = {**config.card.scores, **named_scores(values, self.sources.unit)}
            card = config.card.model_copy(update={"scores": scores})
            model = write_model(
                target, network.state_dict(), name=config.name, recipe=config.recipe, card=card
            )
            self.tell(
                Finished(
                    reason=watch.reason,
                    step=watch.state.step,
                    after=mean_dices(values) or None,
                    model=str(model.path),
                    sha256=model.sha256,
                )
            )
        if self.world > 1:
            torch.distributed.barrier()
        return read_model(target)


class _Watch(Supervision[TrainingState]):
    """Keeps the best weights, and ends a training that gets no better."""

    def judge(self, network: nn.Module, dice: Dice) -> Reason | None:
        """Keep the weights in the run's folder if none were better."""
        state, config = self.state, self.state.config
        if dice and state.kept and mean_dice(dice) <= mean_dice(state.kept):
            self.state = state.model_copy(update={"stale": state.stale + 1})
            patience = config.validation.patience
            return "no better" if patience and self.state.stale >= patience else None
        write_model(
            self.run.model_file,
            network.state_dict(),
            name=config.name,
            recipe=config.recipe,
            card=config.card,
        )
        self.state = state.model_copy(update={"kept": dice or None, "stale": 0})
        return None
