"""A training run from its configuration to a trained model on disk."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import lightning
import torch
import yaml
from lightning.pytorch.callbacks import EMAWeightAveraging, TQDMProgressBar
from torch import nn
from torch.utils.data import DataLoader

from mambaseg.files import check_writable
from mambaseg.inference.devices import resolve_device
from mambaseg.training.dataset import RandomClips
from mambaseg.training.held_out import held_out_dice
from mambaseg.training.labelled_clip import OpenClip
from mambaseg.training.labelled_stills import OpenStills
from mambaseg.training.module import SegmentationModule
from mambaseg.types.errors import InvalidConfigError, OutputError
from mambaseg.types.trained_model import TrainedModel
from mambaseg.types.training_config import LabelledClip, LabelledStills, TrainingConfig
from mambaseg.zoo import build_network, write_model

__all__ = ["read_config", "train"]


def read_config(path: str | os.PathLike[str]) -> TrainingConfig:
    """Read a training configuration from YAML.

    Raises
    ------
    InvalidConfigError
        If the file is missing, no YAML, or does not fit.
    """
    file = Path(path)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidConfigError(
            f"Cannot read {file}: {error.strerror}. Check the path."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InvalidConfigError(f"{file} is not YAML: {reason}. Mend it there.") from error
    return TrainingConfig.parse(content, str(file))


def train(
    config: TrainingConfig,
    output: str | os.PathLike[str],
    *,
    folder: str | os.PathLike[str] = ".",
    device: str = "auto",
) -> TrainedModel:
    """Train a network, score it on the frames that were held out, and write it.

    The number of steps is fixed beforehand and the last (averaged) weights are
    kept, so that the held-out frames choose nothing.

    Parameters
    ----------
    config : TrainingConfig
    output : path-like
        The `.safetensors` file to write, whole or not at all.
    folder : path-like
        Folder that relative paths in `config` start from.
    device : str
        "auto" for the fastest, or a device such as "cuda", "mps" or "cpu".

    Returns
    -------
    TrainedModel
        With the mean held-out Dice of each class in its card.

    Raises
    ------
    TrainingError
        If labels are missing or do not fit, or the training diverges.
    InvalidConfigError
        If the Recipe's arguments do not fit its network.
    MambasegError
        If data cannot be read or the model not be written.
    """
    target, where, recipe = Path(output), resolve_device(device), config.recipe
    if target.suffix != ".safetensors" or target.is_dir():
        raise OutputError(
            f"Cannot write a model as {target}: name a file that ends in .safetensors."
        )
    check_writable(target.parent)
    lightning.seed_everything(config.seed, verbose=False)
    sources = [_open(entry, config, Path(folder)) for entry in config.data]
    network = build_network(recipe)
    _fit(network, sources, config, where)
    network = network.to(where).eval()
    scores = held_out_dice(network, recipe, sources, where)
    card = config.card.model_copy(update={"scores": {**config.card.scores, **scores}})
    return write_model(target, network.state_dict(), name=config.name, recipe=recipe, card=card)


def _open(
    entry: LabelledClip | LabelledStills, config: TrainingConfig, folder: Path
) -> OpenClip | OpenStills:
    if isinstance(entry, LabelledClip):
        return OpenClip.open(entry, config.recipe, folder)
    return OpenStills.open(entry, config.recipe, folder, config.seed)


def _fit(
    network: nn.Module,
    sources: list[OpenClip | OpenStills],
    config: TrainingConfig,
    device: torch.device,
) -> None:
    optimization = config.optimization
    dataset = RandomClips(
        [tensors for source in sources for tensors in source.training_tensors()],
        config.recipe,
        config.augmentation,
        length=optimization.steps * optimization.batch_size,
        seed=config.seed,
    )
    trainer = lightning.Trainer(
        accelerator=device.type,
        devices=1 if device.index is None else [device.index],
        max_steps=optimization.steps,
        gradient_clip_val=optimization.gradient_clip,
        callbacks=[
            EMAWeightAveraging(decay=optimization.average_decay),
            TQDMProgressBar(refresh_rate=10),
        ],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    module = SegmentationModule(network, config.recipe, optimization)
    with warnings.catch_warnings():
        # One worker-free loader is what a few clips in memory want.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        try:
            trainer.fit(module, DataLoader(dataset, batch_size=optimization.batch_size))
        except SystemExit as error:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from error
