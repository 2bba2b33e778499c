"""A network that starts from a trained model, with a new head where the classes are others."""

from __future__ import annotations

from torch import nn

from mambaseg.types.labels import LabelSet
from mambaseg.types.network_output import Regions, Softmax
from mambaseg.types.postprocessing import PostProcessing
from mambaseg.types.recipe import Recipe
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo import build_network, head_weights, load_network

__all__ = ["warm_start"]


def warm_start(
    model: TrainedModel, label_set: LabelSet
) -> tuple[nn.Module, Recipe, tuple[str, ...]]:
    """Build the network that is to be fine-tuned.

    Parameters
    ----------
    model : TrainedModel
    label_set : LabelSet
        Classes to learn.

    Returns
    -------
    network : Module
        In float32, on the CPU.
    recipe : Recipe
        The model's, with these classes; of regions, which its own classes made, a softmax.
    new_weights : tuple of str
        Weights that start untrained; none where the classes are the model's own.

    Raises
    ------
    IncompatibleWeightsError
        If the model's file is gone, broken or has changed.
    """
    parent = load_network(model)
    if model.recipe.labels == label_set.names:
        return parent, model.recipe, ()
    recipe = _with_classes(model.recipe, label_set)
    network = build_network(recipe)
    head, fresh = head_weights(recipe, network), network.state_dict()
    network.load_state_dict({**parent.state_dict(), **{key: fresh[key] for key in head}})
    return network.eval(), recipe, head


def _with_classes(recipe: Recipe, label_set: LabelSet) -> Recipe:
    """Give a Recipe other classes; what it says of its own by name is left out."""
    content = {**recipe.model_dump(), "labels": label_set.names}
    if isinstance(recipe.output, Regions):
        content["output"] = Softmax()
    if recipe.postprocessing.named or recipe.postprocessing.thresholds:
        content["postprocessing"] = PostProcessing()
    return Recipe.model_validate(content)
