"""Foreign checkpoints as trained models of ours."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mambaseg.types.errors import IncompatibleWeightsError, OutputError
from mambaseg.types.recipe import Recipe
from mambaseg.types.trained_model import ModelCard, TrainedModel
from mambaseg.zoo.checkpoint import read_checkpoint
from mambaseg.zoo.convert import ConversionReport, fill
from mambaseg.zoo.default_recipes import OutputForm, fitted_recipe
from mambaseg.zoo.formats import choose_format
from mambaseg.zoo.registry import user_models_folder
from mambaseg.zoo.storage import build_network, head_weights, write_model

__all__ = ["ImportedCheckpoint", "convert_checkpoint", "import_checkpoint"]


@dataclass(frozen=True)
class ImportedCheckpoint:
    """A foreign checkpoint, converted, and not written yet.

    Parameters
    ----------
    name : str
        What the model will be called.
    recipe : Recipe
        How its network is built, fed and read.
    weights : dict of str to Tensor
        By our names, complete.
    card : ModelCard
        Says where it came from and what is not trained.
    format : str
        What the checkpoint is, in words.
    networks : tuple of str
        The networks that it can fill.
    report : ConversionReport
        What became of each weight.
    """

    name: str
    recipe: Recipe
    weights: dict[str, Tensor]
    card: ModelCard
    format: str
    networks: tuple[str, ...]
    report: ConversionReport

    def __str__(self) -> str:
        """Give the report for people."""
        recipe = self.recipe
        lines = [
            f"{self.format}, for the network {recipe.network}",
            f"channels: {', '.join(recipe.channels)}",
            f"classes: {', '.join(recipe.labels.values())} ({recipe.output.form})",
            str(self.report),
        ]
        if self.card.untrained:
            lines.append("It is not trained yet: fine-tune it before it segments.")
        return "\n".join(lines)

    def write(self, path: str | os.PathLike[str] | None = None) -> TrainedModel:
        """Write it as a trained model, whole or not at all.

        Parameters
        ----------
        path : path-like or None
            The `.safetensors` file; None: by its name among the user's models.

        Raises
        ------
        OutputError
            If there is such a file already, or it cannot be written.
        IncompatibleWeightsError
            If a weight is not finite in half precision.
        """
        target = self.target(path)
        return write_model(target, self.weights, name=self.name, recipe=self.recipe, card=self.card)

    def target(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Where `write` would write; raises OutputError if that is taken."""
        target = user_models_folder() / f"{self.name}.safetensors" if path is None else Path(path)
        if target.suffix != ".safetensors":
            raise OutputError(f"A model's file ends in .safetensors, but {target} does not.")
        if target.exists():
            raise OutputError(f"{target} exists already: choose another file or name for it.")
        return target


def convert_checkpoint(
    path: str | os.PathLike[str],
    *,
    network: str | None = None,
    name: str | None = None,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    output: OutputForm | None = None,
    new_head: bool = False,
    arguments: Mapping[str, Any] | None = None,
) -> ImportedCheckpoint:
    """Read a foreign checkpoint and convert it; arguments and errors as of `import_checkpoint`."""
    path = Path(path)
    foreign, left_out = read_checkpoint(path)
    form, network = choose_format(foreign, network, str(path))
    try:
        built = {**form.infer(foreign), **(arguments or {})}
    except KeyError as error:
        raise IncompatibleWeightsError(
            f"{path} looks like {form.title}, but has no weight {error}: it is not complete."
        ) from error
    out_channels = built.pop("out_channels", None)
    recipe = fitted_recipe(
        network,
        {key: value for key, value in built.items() if key != "in_channels"},
        in_channels=built["in_channels"],
        out_channels=out_channels,
        channels=channels,
        labels=labels,
        output=output,
        new_head=new_head,
    )
    torch.manual_seed(0)  # the parts that stay untrained, the same every time
    ours = build_network(recipe)
    head: dict[str, str] = {}
    if out_channels not in (None, recipe.out_channels):
        ours_of_head = head_weights(recipe, ours)
        head = {
            key: "the head for another number of classes"
            for key in foreign
            if form.naming.rename(key) in ours_of_head
        }
    kept = {key: value for key, value in foreign.items() if key not in head}
    weights, report = fill(ours, kept, form.naming, partial=form.partial)
    report = ConversionReport(
        report.matched, {**report.dropped, **head, **left_out}, report.untrained
    )
    name = name or _name_of(path)
    card = ModelCard(
        description=f"Imported from {path.name} ({form.title}).",
        intended_use="Not for clinical use.",
        untrained=report.untrained_parts,
    )
    return ImportedCheckpoint(name, recipe, weights, card, form.title, form.networks, report)


def import_checkpoint(
    path: str | os.PathLike[str],
    *,
    network: str | None = None,
    target: str | os.PathLike[str] | None = None,
    name: str | None = None,
    channels: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    output: OutputForm | None = None,
    new_head: bool = False,
    arguments: Mapping[str, Any] | None = None,
) -> TrainedModel:
    """Make a trained model of a checkpoint of the authors' code.

    Parameters
    ----------
    path : path-like
        A .pt, .pth, .ckpt, .bin or .safetensors file of weights; a file that
        would run code is refused.
    network : str or None
        The network that it is to fill; None: the one that its keys say.
    target : path-like or None
        The `.safetensors` file to write; None: among the user's models.
    name : str or None
        What the model is called; None: as the file.
    channels, labels : sequence of str or None
        Names of its channels and classes; None: the authors' where their number fits.
    output : {"sigmoid", "softmax"} or None
        How its logits are read; None: as the authors do.
    new_head : bool
        Give it a head for other classes, which is not trained.
    arguments : mapping or None
        Arguments of the network that its weights do not tell, such as LoG-VMamba's `mixing`.

    Raises
    ------
    IncompatibleWeightsError
        If the file is no checkpoint, of another network, or does not fit.
    UnknownNameError
        If there is no such network.
    InvalidConfigError
        If the arguments do not fit the network.
    OutputError
        If it cannot be written.
    """
    return convert_checkpoint(
        path,
        network=network,
        name=name,
        channels=channels,
        labels=labels,
        output=output,
        new_head=new_head,
        arguments=arguments,
    ).write(target)


def _name_of(path: Path) -> str:
    return re.sub(r"[^\w .+-]", "-", path.stem)
