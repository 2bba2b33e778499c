"""List the trained models; keep a fine-tuned one; say which is the default."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--keep",
        type=Path,
        metavar="RUN",
        help="add the model of a fine-tuning run to your own; it becomes the default if it is "
        "better than what it started from",
    )
    what.add_argument("--default", metavar="MODEL", help="make a listed model the default")
    what.add_argument(
        "--rollback", action="store_true", help="make the model the default that was it before"
    )
    parser.add_argument("--name", help="with --keep: what the model is called")


def run(arguments: argparse.Namespace) -> None:
    """Do what was asked for; else print every model, and where a user's own belong."""
    if arguments.keep is not None:
        _keep(arguments.keep, arguments.name)
    elif arguments.default is not None:
        _make_default(arguments.default)
    elif arguments.rollback:
        _roll_back()
    else:
        _list()


def _keep(folder: Path, name: str | None) -> None:
    from mambaseg.training import Run, keep
    from mambaseg.zoo import read_model

    run = Run(folder)
    kept = keep(run, name or read_model(run.model_file).name)
    print(kept.why)
    print(f"wrote {kept.model.path}")


def _make_default(name: str) -> None:
    from mambaseg.types.errors import UnknownNameError
    from mambaseg.zoo import list_models, load_model, make_default

    model = load_model(name)
    if model.sha256 not in {listed.sha256 for listed in list_models()}:
        raise UnknownNameError(
            f"{name} is not among the models that `mambaseg models` lists, so it cannot be the "
            "default: copy it to the folder that is named there."
        )
    make_default(model)
    print(f"{model.name} is the default now")


def _roll_back() -> None:
    from mambaseg.zoo import roll_back

    before, now = roll_back()
    after = f"{now.name} is again" if now is not None else "no model is now"
    print(f"{before.name} is no longer the default, {after}; it stays listed")


def _list() -> None:
    from mambaseg.zoo import default_models, list_models, user_models_folder

    default = next((model.sha256 for model in default_models()), None)
    for model in list_models():
        recipe, card = model.recipe, model.card
        size = model.path.stat().st_size / 1e6
        mark = ", the default" if model.sha256 == default else ""
        print(f"{model.name}  ({recipe.network}, {recipe.kind}, {size:.1f} MB{mark})")
        print(f"    channels: {', '.join(recipe.channels)}")
        print(f"    labels: {', '.join(recipe.labels.values())}")
        if card.untrained:
            print("    not trained yet: fine-tune it before it segments")
        for line in (card.description, card.intended_use, card.training_data):
            if line:
                print(f"    {line}")
        for name, value in card.scores.items():
            before = card.parent_scores.get(name)
            print(f"    {name}: {value:.3f}" + (f" (before: {before:.3f})" if before else ""))
    print(f"Your own .safetensors models belong in {user_models_folder()}")
