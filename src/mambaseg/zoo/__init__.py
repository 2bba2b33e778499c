"""Trained models on disk, and foreign checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mambaseg.zoo.defaults import default_models, defaults_first, make_default, roll_back
from mambaseg.zoo.registry import check_trained, list_models, load_model, user_models_folder
from mambaseg.zoo.storage import (
    build_network,
    head_weights,
    is_model,
    load_network,
    read_model,
    write_model,
)

if TYPE_CHECKING:
    from mambaseg.zoo.convert import ConversionReport, convert_state_dict
    from mambaseg.zoo.importing import ImportedCheckpoint, convert_checkpoint, import_checkpoint

__all__ = [
    "ConversionReport",
    "ImportedCheckpoint",
    "build_network",
    "check_trained",
    "convert_checkpoint",
    "convert_state_dict",
    "default_models",
    "defaults_first",
    "head_weights",
    "import_checkpoint",
    "is_model",
    "list_models",
    "load_model",
    "load_network",
    "make_default",
    "read_model",
    "roll_back",
    "user_models_folder",
    "write_model",
]


def __getattr__(name: str) -> Any:
    # The conversions need torch, which a list of models does without.
    if name in ("ConversionReport", "convert_state_dict"):
        from mambaseg.zoo import convert

        return getattr(convert, name)
    if name in ("ImportedCheckpoint", "convert_checkpoint", "import_checkpoint"):
        from mambaseg.zoo import importing

        return getattr(importing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
