"""List the trained models that can be used by name."""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""


def run(arguments: argparse.Namespace) -> None:
    """Print every model, and where a user's own belong."""
    from mambaseg.zoo import list_models, user_models_folder

    for model in list_models():
        recipe, card = model.recipe, model.card
        size = model.path.stat().st_size / 1e6
        print(f"{model.name}  ({recipe.network}, {recipe.kind}, {size:.1f} MB)")
        print(f"    channels: {', '.join(recipe.channels)}")
        print(f"    labels: {', '.join(recipe.labels.values())}")
        if card.untrained:
            print("    not trained yet: fine-tune it before it segments")
        for line in (card.description, card.intended_use, card.training_data):
            if line:
                print(f"    {line}")
        for name, value in card.scores.items():
            print(f"    {name}: {value:.3f}")
    print(f"Your own .safetensors models belong in {user_models_folder()}")
