"""All that a fine-tuning run needs to go on after it was cut off, in one file."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mambaseg.files import write_whole
from mambaseg.training.events import Dice
from mambaseg.training.split import FrameSplit
from mambaseg.types.errors import MambasegError, TrainingError
from mambaseg.types.finetuning_config import FineTuningConfig
from mambaseg.types.recipe import Recipe
from mambaseg.types.schema import VersionedSchema
from mambaseg.types.trained_model import ModelCard

__all__ = ["RunState", "load_state", "save_state"]

_NETWORK, _OPTIMIZER = "network.", "optimizer."


class RunState(VersionedSchema):
    """Where a run stands, apart from its weights.

    Parameters
    ----------
    config : FineTuningConfig
    recipe : Recipe
        Of the model that comes out.
    parent, parent_sha256, parent_card
        The model that it started from.
    split : FrameSplit
    new_weights : tuple of str
        Weights that started untrained.
    before, kept : dict of str to float, or None
        Dice of the parent and of the weights in `model.safetensors`.
    step : int
        Updates so far.
    seconds : float
        Spent so far.
    """

    config: FineTuningConfig
    recipe: Recipe
    parent: str
    parent_sha256: str
    parent_card: ModelCard
    split: FrameSplit
    new_weights: tuple[str, ...] = ()
    before: Dice | None = None
    kept: Dice | None = None
    step: int = 0
    seconds: float = 0.0


def save_state(
    path: Path, state: RunState, network: nn.Module, optimizer: torch.optim.Optimizer | None
) -> None:
    """Write a run's state with weights and optimizer, whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    tensors: dict[str, Tensor] = {
        _NETWORK + key: value.detach().cpu().contiguous()
        for key, value in network.state_dict().items()
    }
    moments = optimizer.state_dict()["state"] if optimizer is not None else {}
    for index, values in moments.items():
        for name, value in values.items():
            tensors[f"{_OPTIMIZER}{index}.{name}"] = value.detach().cpu().contiguous()
    with write_whole(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={"state": state.model_dump_json()}))


def load_state(path: Path) -> tuple[RunState, dict[str, Tensor], dict[int, dict[str, Tensor]]]:
    """Read what `save_state` wrote.

    Returns
    -------
    state : RunState
    weights : dict of str to Tensor
        The network's.
    moments : dict of int to dict of str to Tensor
        What the optimizer knows of each parameter, by its number.

    Raises
    ------
    TrainingError
        If the file is damaged.
    """
    weights: dict[str, Tensor] = {}
    moments: dict[int, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as content:
            state = RunState.parse(json.loads((content.metadata() or {})["state"]), str(path))
            for key in content.keys():  # noqa: SIM118 - it is no mapping
                if key.startswith(_NETWORK):
                    weights[key.removeprefix(_NETWORK)] = content.get_tensor(key)
                else:
                    index, name = key.removeprefix(_OPTIMIZER).split(".")
                    moments.setdefault(int(index), {})[name] = content.get_tensor(key)
    except (SafetensorError, OSError, KeyError, ValueError, MambasegError) as error:
        reason = " ".join(str(error).split())
        raise TrainingError(
            f"{path} is damaged, so the run cannot go on from it ({reason}): start again in a new "
            "folder."
        ) from error
    return state, weights, moments
