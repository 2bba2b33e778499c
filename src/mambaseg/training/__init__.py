"""Training and fine-tuning, from the shell as from the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mambaseg.training.keeping import Kept, keep
from mambaseg.training.run import Run, finetune_command
from mambaseg.training.split import FrameSplit, propose_held_out, split_frames, split_margin
from mambaseg.types.finetuning_config import FineTuningConfig

if TYPE_CHECKING:
    from mambaseg.training.configuration import read_config
    from mambaseg.training.finetuning import finetune
    from mambaseg.training.paper_recipe import list_recipes, recipe_config
    from mambaseg.training.trainer import resume, train

__all__ = [
    "FineTuningConfig",
    "FrameSplit",
    "Kept",
    "Run",
    "finetune",
    "finetune_command",
    "keep",
    "list_recipes",
    "propose_held_out",
    "read_config",
    "recipe_config",
    "resume",
    "split_frames",
    "split_margin",
    "train",
]


def __getattr__(name: str) -> Any:
    # Who follows a run in another process needs no torch.
    if name == "finetune":
        from mambaseg.training.finetuning import finetune

        return finetune
    if name == "read_config":
        from mambaseg.training.configuration import read_config

        return read_config
    if name in ("list_recipes", "recipe_config"):
        from mambaseg.training import paper_recipe

        return getattr(paper_recipe, name)
    if name in ("resume", "train"):
        from mambaseg.training import trainer

        return getattr(trainer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
