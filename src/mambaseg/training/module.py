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
from mambaseg.types.errors import TrainingError
from mambaseg.types.recipe import Recipe
from mambaseg.types.training_config import Optimization

__all__ = ["SegmentationModule"]


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
        self.sigmoid = recipe.output == "sigmoid"
        self.loss = DiceCELoss(sigmoid=self.sigmoid, softmax=not self.sigmoid, batch=True)

    def one_hot(self, labels: Tensor) -> Tensor:
        """Class values (B, 1, y, x) as one channel per class, (B, K, y, x)."""
        values = self.values if self.sigmoid else [0, *self.values]
        return torch.cat([labels == value for value in values], dim=1).float()

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Loss of a batch: frames (B, T, C, y, x) and labels (B, T, 1, y, x)."""
        frames, labels = batch
        logits = segmentation_logits(self.network, frames).flatten(0, 1)
        loss: Tensor = self.loss(logits, self.one_hot(labels.flatten(0, 1)))
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss is not a number at step {self.global_step}: the training diverged. "
                "Nothing was written; try a lower learning rate."
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
