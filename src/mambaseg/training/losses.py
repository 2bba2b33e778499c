"""The losses of the four papers, as one sum of terms."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from monai.losses import DiceLoss
from torch import Tensor, nn

from mambaseg.types.optimization import Loss

__all__ = ["SegmentationLoss", "edge_loss", "structure_loss"]

_NEAR = 31
"""Side of the neighbourhood in which an outline makes elements count more."""


class SegmentationLoss(nn.Module):
    """A weighted sum of terms over logits and targets of one channel per class.

    Elements that are not annotated count in no mean and in no overlap: the loss of a volume with
    a single annotated slice is that of the slice.

    Parameters
    ----------
    loss : Loss
    sigmoid : bool
        Whether each channel has a probability of its own; else all share one distribution.
    """

    def __init__(self, loss: Loss, *, sigmoid: bool) -> None:
        super().__init__()
        self.weights, self.sigmoid = loss, sigmoid
        self.dice, self.iou = (
            DiceLoss(
                batch=loss.pooled,
                jaccard=jaccard,
                smooth_nr=loss.smooth,
                smooth_dr=loss.smooth,
            )
            for jaccard in (False, True)
        )

    def forward(self, logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
        """Give the loss.

        Parameters
        ----------
        logits : Tensor, shape (B, K, ...)
        target, known : Tensor, shapes (B, K, ...) and (B, 1, ...)
            As `masked_target` gives them.
        """
        w, logits = self.weights, logits.float()
        found = (logits.sigmoid() if self.sigmoid else logits.softmax(dim=1)) * known
        terms: list[Tensor] = []
        if w.cross_entropy:
            terms.append(w.cross_entropy * self._cross_entropy(logits, target, known))
        if w.dice:
            terms.append(w.dice * self.dice(found, target))
        if w.iou:
            terms.append(w.iou * self.iou(found, target))
        if w.structure:
            terms.append(w.structure * structure_loss(logits, target, known))
        return torch.stack(terms).sum()

    def _cross_entropy(self, logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
        if self.sigmoid:
            return _binary_cross_entropy(logits, target, known)
        # A target that is 0 throughout adds nothing.
        return _mean(F.cross_entropy(logits, target, reduction="none"), known)


def _binary_cross_entropy(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    each = F.binary_cross_entropy_with_logits(logits, target, known, reduction="none")
    return _mean(each.mean(dim=1), known)


def _mean(each: Tensor, known: Tensor) -> Tensor:
    """Average over what is annotated of each sample, then over samples.

    So a batch has the same loss in pieces, on one device or many, as in one.
    """
    sums, counts = (one.flatten(1).sum(dim=1) for one in (each, known))
    return (sums / counts.clamp(min=1)).mean()


def structure_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy, and IoU that counts elements near outlines up to six times.

    As the authors' code of Vivim runs: it hands its cross-entropy a reduction that PyTorch
    takes for the mean, so that only the IoU is weighted. Their paper has cross-entropy and
    plain IoU, which is `Loss(cross_entropy=1, iou=1)`.

    Parameters
    ----------
    logits, target : Tensor, shape (B, K, y, x) or (B, K, z, y, x)
    known : Tensor, shape (B, 1, y, x) or (B, 1, z, y, x)
        What is not annotated is as what lies beyond the image's edge.
    """
    pool = F.avg_pool2d if target.ndim == 4 else F.avg_pool3d
    sides = [min(_NEAR, length - (length + 1) % 2) for length in target.shape[2:]]  # odd ones
    near = pool(target, sides, stride=1, padding=[side // 2 for side in sides])
    weight = (1 + 5 * (near - target).abs()) * known
    probability = logits.sigmoid()
    dims = tuple(range(2, target.ndim))
    both = (probability * target * weight).sum(dims)
    either = ((probability + target) * weight).sum(dims)
    iou = (both + 1) / (either - both + 1)
    return _binary_cross_entropy(logits, target, known) + (1 - iou).mean()


def edge_loss(logits: Tensor, target: Tensor, ignored: Tensor) -> Tensor:
    """Binary cross-entropy of outlines, whose few pixels count as much as all others.

    Vivim's third term, a distance to outlines that a further network measures, is left out:
    that network's weights are not published.

    Parameters
    ----------
    logits : Tensor, shape (B, 1, y, x)
        Of the outline.
    target : Tensor, shape (B, K, y, x)
        0 and 1 for each class.
    ignored : Tensor of bool, shape (B, 1, y, x)
        Pixels that are not annotated.
    """
    grown, shrunk = F.max_pool2d(target, 3, 1, 1), -F.max_pool2d(-target, 3, 1, 1)
    edge = (grown - shrunk).amax(dim=1, keepdim=True)
    known = (~ignored).float()
    share = (edge * known).sum() / known.sum().clamp(min=1)
    weight = torch.where(edge > 0, 1 - share, 1.1 * share) * known
    each = F.binary_cross_entropy_with_logits(logits, edge, weight, reduction="sum")
    return each / known.sum().clamp(min=1)
