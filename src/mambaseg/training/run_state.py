"""All that a run needs to go on after it was cut off, in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, overload

import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mambaseg.files import write_whole
from mambaseg.metrics import Row
from mambaseg.training.events import Dice
from mambaseg.training.split import FrameSplit
from mambaseg.types.errors import MambasegError, TrainingError
from mambaseg.types.finetuning_config import FineTuningConfig
from mambaseg.types.recipe import Recipe
from mambaseg.types.schema import VersionedSchema
from mambaseg.types.trained_model import ModelCard
from mambaseg.types.training_config import TrainingConfig

__all__ = ["RunState", "Saved", "Standing", "TrainingState", "load_state", "save_state"]

_NETWORK, _AVERAGE, _OPTIMIZER = "network.", "average.", "optimizer."


class Standing(VersionedSchema):
    """Where any run stands, apart from its weights.

    Parameters
    ----------
    step : int
        Updates so far.
    seconds : float
        Spent so far.
    kept : dict of str to float, or None
        Dice of the weights in `model.safetensors`.
    """

    step: int = 0
    seconds: float = 0.0
    kept: Dice | None = None


class RunState(Standing):
    """Where a fine-tuning run stands.

    Parameters
    ----------
    config : FineTuningConfig
    recipe : Recipe
        Of the model that comes out.
    parent, parent_sha256, parent_card
        The model that it started from.
    split : FrameSplit
    unit : str
        What it counts: "frames", "slices", "images", "clips" or "volumes".
    data_sha256 : dict of str to str
        SHA-256 of the cases' files, as they were when it was started last.
    new_weights : tuple of str
        Weights that started untrained.
    before : dict of str to float, or None
        Dice of the parent.
    before_rows, kept_rows : tuple of Row
        Dice on each held-out frame of the parent, and of the weights in `model.safetensors`.
    """

    config: FineTuningConfig
    recipe: Recipe
    parent: str
    parent_sha256: str
    parent_card: ModelCard
    split: FrameSplit
    unit: str = "frames"
    data_sha256: dict[str, str] = Field(default_factory=dict)
    new_weights: tuple[str, ...] = ()
    before: Dice | None = None
    before_rows: tuple[Row, ...] = ()
    kept_rows: tuple[Row, ...] = ()

    @property
    def by_frame(self) -> bool:
        """Whether it learns from single frames or slices of a store; else from whole cases."""
        return self.unit in ("frames", "slices")

    @property
    def is_new(self) -> bool:
        """Whether what it starts from segments nothing yet, and so has no score."""
        return bool(self.new_weights or self.parent_card.untrained)


class TrainingState(Standing):
    """Where a training run stands.

    Parameters
    ----------
    config : TrainingConfig
    folder : str
        Folder that its relative paths start from.
    output : str
        Where the model goes in the end.
    training, held_out : tuple of str
        Cases, or stretches of clips.
    stale : int
        Validations since the best one.
    """

    config: TrainingConfig
    folder: str
    output: str
    training: tuple[str, ...]
    held_out: tuple[str, ...]
    stale: int = 0


S = TypeVar("S", bound=Standing)


class Saved(NamedTuple, Generic[S]):
    """What `load_state` reads.

    Attributes
    ----------
    state : Standing
    weights : dict of str to Tensor
        The network's.
    moments : dict of int to dict of str to Tensor
        What the optimizer knows of each parameter, by its number.
    average : dict of str to Tensor
        The running average of the weights; empty where there is none.
    """

    state: S
    weights: dict[str, Tensor]
    moments: dict[int, dict[str, Tensor]]
    average: dict[str, Tensor]


def save_state(
    path: Path,
    state: Standing,
    network: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    average: nn.Module | None = None,
) -> None:
    """Write a run's state with weights and optimizer, whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for prefix, module in ((_NETWORK, network), (_AVERAGE, average)):
        for key, value in {} if module is None else module.state_dict().items():
            tensors[prefix + key] = value.detach().cpu().contiguous()
    moments = optimizer.state_dict()["state"] if optimizer is not None else {}
    for index, values in moments.items():
        for name, value in values.items():
            if value is not None:
                tensors[f"{_OPTIMIZER}{index}.{name}"] = value.detach().cpu().contiguous()
    with write_whole(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={"state": state.model_dump_json()}))


@overload
def load_state(path: Path) -> Saved[RunState]: ...
@overload
def load_state(path: Path, form: type[S]) -> Saved[S]: ...
def load_state(path: Path, form: type[Standing] = RunState) -> Saved[Any]:
    """Read what `save_state` wrote.

    Parameters
    ----------
    path : Path
    form : type
        Of the state.

    Raises
    ------
    TrainingError
        If the file is damaged, or is of another kind of run.
    """
    found: dict[str, dict[str, Tensor]] = {_NETWORK: {}, _AVERAGE: {}}
    moments: dict[int, dict[str, Tensor]] = {}
    try:
        # As NumPy's, for which the file is opened once. For PyTorch's it is opened again by its
        # name, which may be another file by then, where the run has just saved.
        with safe_open(path, framework="numpy") as content:
            state = form.parse(json.loads((content.metadata() or {})["state"]), str(path))
            for key in content.keys():  # noqa: SIM118 - it is no mapping
                tensor = torch.from_numpy(content.get_tensor(key))
                kind, rest = key.split(".", 1)
                if f"{kind}." in found:
                    found[f"{kind}."][rest] = tensor
                else:
                    index, name = rest.split(".")
                    moments.setdefault(int(index), {})[name] = tensor
    except (SafetensorError, OSError, KeyError, ValueError, MambasegError) as error:
        reason = " ".join(str(error).split())
        raise TrainingError(
            f"{path} is damaged, so the run cannot go on from it ({reason}): start again in a new "
            "folder."
        ) from error
    return Saved(state, found[_NETWORK], moments, found[_AVERAGE])
