"""One Lightning module for every network."""

from __future__ import annotations

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from monai.losses import DiceCELoss
from monai.optimizers import WarmupCosineSchedule
from torch import Tensor, nn
from torch.optim import AdamW

from mambaseg.inference.logits import segmentation_logits
from mambaseg.training.dataset import IGNORED
from mambaseg.types.errors import TrainingError
from mambaseg.types.recipe import Recipe
from mambaseg.types.training_config import Optimization

__all__ = ["SegmentationModule"]

_SURE = 30.0
"""A logit whose probability is 0 or 1 in float32, but for 1e-13."""


class SegmentationModule(lightning.LightningModule):
    """Dice and cross-entropy on every frame of a clip, AdamW, warm-up and cosine.

    Parameters
    ----------
    network : Module
        Takes clips (B, T, C, y, x) and gives logits (B, T, K, y, x).
    recipe : Recipe
        Says whether K are classes of one distribution or independent ones.
    optimization : Optimization
    """

    def __init__(self, network: nn.Module, recipe: Recipe, optimization: Optimization) -> None:
        super().__init__()
        self.network = network
        self.optimization = optimization
        self.values = list(recipe.labels)
        if recipe.output.form == "regions":
            raise TrainingError(
                "Training knows classes that exclude each other, but this Recipe has regions that "
                "overlap: train with the output sigmoid or softmax."
            )
        self.sigmoid = recipe.output.form == "sigmoid"
        self.loss = DiceCELoss(sigmoid=self.sigmoid, softmax=not self.sigmoid, batch=True)

    def one_hot(self, labels: Tensor) -> Tensor:
        """Class values (B, 1, y, x) as one channel per class, (B, K, y, x)."""
        values = self.values if self.sigmoid else [0, *self.values]
        return torch.cat([labels == value for value in values], dim=1).float()

    def without_ignored(
        self, logits: Tensor, labels: Tensor, ignored: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Give logits and targets (B, K, y, x) that agree wherever `ignored` (B, 1, y, x) is true.

        Such pixels add nothing to the loss of any class, and no gradient.
        """
        target = self.one_hot(labels.masked_fill(ignored, 0))
        sure = 2 * _SURE * target - _SURE
        return torch.where(ignored, sure, logits), target

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Loss of a batch: frames (B, T, C, y, x) and labels (B, T, 1, y, x).

        Only annotated frames and pixels count; there must be some.
        """
        frames, labels = batch
        logits = segmentation_logits(self.network, frames).flatten(0, 1)
        labels = labels.flatten(0, 1)
        ignored = labels == IGNORED
        known = ~ignored.flatten(1).all(dim=1)
        logits, target = self.without_ignored(logits[known], labels[known], ignored[known])
        loss: Tensor = self.loss(logits, target)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss is not a number at step {self.global_step}: the training diverged. "
                "No weights of it are kept; try a lower learning rate."
            )
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW on all weights; its rate rises over a tenth of the steps and falls as a cosine."""
        o = self.optimization
        optimizer = AdamW(self.parameters(), lr=o.learning_rate, weight_decay=o.weight_decay)
        schedule = WarmupCosineSchedule(optimizer, warmup_steps=o.steps // 10, t_total=o.steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
