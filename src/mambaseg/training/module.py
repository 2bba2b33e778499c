"""One Lightning module for every network."""

from __future__ import annotations

import lightning
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from mambaseg.training.losses import SegmentationLoss, edge_loss
from mambaseg.training.outputs import network_outputs
from mambaseg.training.targets import IGNORED, at_size, masked_target, one_hot
from mambaseg.training.weight_groups import weight_groups
from mambaseg.types.optimization import Loss, Optimization
from mambaseg.types.recipe import Recipe

__all__ = ["SegmentationModule", "build_optimizer"]


class SegmentationModule(lightning.LightningModule):
    """A network for pictures, clips or volumes, and its loss on what is annotated.

    The rate is set from outside, by `Supervision`.

    Parameters
    ----------
    network : Module
    recipe : Recipe
        Says what it takes, and how its logits are read.
    optimization : Optimization
    loss : Loss
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        optimization: Optimization,
        loss: Loss | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.recipe, self.optimization = recipe, optimization
        self.weights = loss or Loss()
        self.loss = SegmentationLoss(self.weights, sigmoid=recipe.output.form != "softmax")
        self.last_loss: float | None = None  # where nothing of the last batch is annotated

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        batch : (Tensor, Tensor)
            Network input, and class values with one channel in the place of its channels;
            `IGNORED` where nothing is annotated.
        """
        x, labels = batch
        outputs = network_outputs(self.network, x, self.recipe.kind)
        if self.recipe.kind == "video":
            labels = self._teaching_frames(labels).flatten(0, 1)
        known = (labels != IGNORED).flatten(1).any(dim=1)
        if not known.any():
            self.last_loss = None
            return outputs.logits[0].sum() * 0.0
        labels = labels[known]
        loss = self._deep(outputs.logits, labels, known)
        if outputs.edge is not None and self.weights.edge:
            ignored = labels == IGNORED
            target = one_hot(labels.masked_fill(ignored, 0), self.recipe)
            edge = edge_loss(outputs.edge[known].float(), target, ignored)
            loss = loss + self.weights.edge * edge
        self.last_loss = float(loss.detach())
        return loss

    def _teaching_frames(self, labels: Tensor) -> Tensor:
        """Labels (B, T, 1, y, x), of the middle frame alone where the loss asks for it."""
        middle = labels.shape[1] // 2
        if not self.weights.centre_frame or (labels[:, middle] == IGNORED).all():
            return labels
        alone = torch.full_like(labels, IGNORED)
        alone[:, middle] = labels[:, middle]
        return alone

    def _deep(self, logits: list[Tensor], labels: Tensor, known: Tensor) -> Tensor:
        """Mean of the losses at all sizes, each half as weighty as the one above it."""
        total, weights = torch.zeros((), device=labels.device), 0.0
        for level, one in enumerate(logits):
            weight = 0.5**level
            compared = masked_target(at_size(labels, one.shape[2:]), self.recipe)
            total, weights = total + weight * self.loss(one[known], *compared), weights + weight
        return total / weights

    def configure_optimizers(self) -> Optimizer:
        """Give the optimizer of the weights that are to change."""
        return build_optimizer(self.network, self.recipe.network, self.optimization)


def build_optimizer(network: nn.Module, name: str, o: Optimization) -> Optimizer:
    """Build the optimizer of a network's weights, given the network's name."""
    weights = weight_groups(network, name, o)
    if o.optimizer == "sgd":
        return SGD(
            weights,
            lr=o.learning_rate,
            momentum=o.momentum,
            nesterov=o.momentum > 0,
            weight_decay=o.weight_decay,
        )
    kind = AdamW if o.optimizer == "adamw" else Adam
    return kind(weights, lr=o.learning_rate, weight_decay=o.weight_decay)
