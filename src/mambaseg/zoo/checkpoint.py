"""Foreign checkpoint files: weights alone, never code."""

from __future__ import annotations

import argparse
import pathlib
import pickle
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mambaseg.types.errors import IncompatibleWeightsError

__all__ = ["Checkpoint", "read_checkpoint"]

_WRAPPINGS = (
    "state_dict",
    "model_state_dict",
    "model",
    "module",
    "network_weights",
    "net",
    "params",
)
"""What training scripts call the weights among the other things that they save."""

_PREFIXES = ("module.", "model.", "_orig_mod.")
"""What data-parallel wrappers, Lightning and torch.compile put ahead of keys."""

_CODE = re.compile(r"GLOBAL ([\w.]+)")

Checkpoint = tuple[dict[str, Tensor], dict[str, str]]
"""Weights by the names that their authors gave them; and why each other key was left out."""


def read_checkpoint(path: pathlib.Path) -> Checkpoint:
    """Read the weights in a .pt, .pth, .ckpt, .bin or .safetensors file.

    Raises
    ------
    IncompatibleWeightsError
        If the file is missing, cut short, no checkpoint, a model of ours
        already, or would run code when read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise IncompatibleWeightsError(
            f"{path} cannot be opened: {error.strerror}. Check the path and your rights to it."
        ) from error
    if not head:
        raise IncompatibleWeightsError(f"{path} is empty (0 bytes); copy or download it again.")
    is_safetensors = path.suffix == ".safetensors" or head[8:10] == b'{"'
    content = _safetensors(path) if is_safetensors else _pickled(path)
    return _bare(_unwrapped(content, path))


def _safetensors(path: pathlib.Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            if "recipe" in (file.metadata() or {}):
                raise IncompatibleWeightsError(
                    f"{path} is a model of mambaseg already: use it as it is, by its path."
                )
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise IncompatibleWeightsError(
            f"{path} is not a whole safetensors file ({error}): it may be cut short; copy or "
            "download it again."
        ) from error


def _pickled(path: pathlib.Path) -> Any:
    # Settings and numbers, which scripts save beside the weights; numpy's by its old name too.
    scalar = np.float64(0).__reduce__()[0]
    harmless: list[Any] = [
        argparse.Namespace,
        pathlib.PosixPath,
        np.dtype,
        *(type(np.dtype(name)) for name in ("f4", "f8", "i4", "i8", "bool")),
        *((scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    ]
    try:
        with torch.serialization.safe_globals(harmless), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols, which say nothing to a user
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = _CODE.search(str(error))
        if named is None:
            raise _damaged(path) from error
        raise IncompatibleWeightsError(
            f"{path} is refused: reading it would run code of {named[1]!r}, and such a file can do "
            "anything on your computer. Where it was made, save the weights alone: "
            "torch.save(model.state_dict(), ...)."
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # what a damaged pickle raises is anyone's guess
        raise _damaged(path) from error


def _damaged(path: pathlib.Path) -> IncompatibleWeightsError:
    return IncompatibleWeightsError(
        f"{path} cannot be read as a checkpoint: it is cut short, damaged or of another kind. "
        "Copy or download it again; weights that PyTorch or safetensors saved were expected."
    )


def _unwrapped(content: Any, path: pathlib.Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        for name in _WRAPPINGS:
            if isinstance(content.get(name), Mapping):
                return _unwrapped(content[name], path)
        weights = {
            key: value
            for key, value in content.items()
            if isinstance(key, str) and isinstance(value, Tensor)
        }
        if weights:
            return weights
    found = sorted(map(str, content))[:5] if isinstance(content, Mapping) else type(content)
    raise IncompatibleWeightsError(
        f"{path} holds no weights by name (found: {found}): save the network's state_dict() there."
    )


def _bare(weights: dict[str, Tensor]) -> Checkpoint:
    """Strip a wrapper's prefix; what lies outside the wrapped network is left out."""
    left_out: dict[str, str] = {}
    while prefix := next(
        (p for p in _PREFIXES if sum(k.startswith(p) for k in weights) > len(weights) / 2), None
    ):
        left_out |= {
            key: f"not part of the network, whose keys begin with {prefix!r}"
            for key in weights
            if not key.startswith(prefix)
        }
        weights = {
            key.removeprefix(prefix): value
            for key, value in weights.items()
            if key.startswith(prefix)
        }
    return weights, left_out
