"""Losses: what each term is, and that what is not annotated teaches nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from models import PICTURES, VOLUMES, small_recipe
from torch import Tensor, nn

from mambaseg.training.losses import SegmentationLoss, edge_loss, structure_loss
from mambaseg.training.module import SegmentationModule
from mambaseg.training.targets import IGNORED, masked_target, one_hot
from mambaseg.types.optimization import Loss, Optimization
from mambaseg.types.recipe import Recipe

ALONE = {"cross_entropy": 0.0, "dice": 0.0}
REGIONS = {
    "form": "regions",
    "regions": [
        {"name": "whole", "classes": [1, 2], "value": 2},
        {"name": "core", "classes": [1], "value": 1},
    ],
    "painted": ["whole", "core"],
}


def volume_recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate({**VOLUMES, **changes})


ALL = torch.ones(2, 1, 12, 16)
"""All elements of a `pair` are annotated."""


def pair(channels: int = 2, seed: int = 0) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return torch.randn(2, channels, 12, 16), (torch.rand(2, channels, 12, 16) > 0.6).float()


def test_terms_are_what_they_are_called() -> None:
    logits, target = pair()
    p = logits.sigmoid()
    both, sizes = (p * target).sum((2, 3)), (p + target).sum((2, 3))
    expected = {
        "cross_entropy": F.binary_cross_entropy(p, target),
        "dice": (1 - 2 * both / sizes).mean(),
        "iou": (1 - both / (sizes - both)).mean(),
    }
    for name, value in expected.items():
        loss = SegmentationLoss(Loss(**{**ALONE, name: 2.0, "pooled": False}), sigmoid=True)
        assert loss(logits, target, ALL) == pytest.approx(float(2 * value), rel=1e-4), name
    every = Loss(cross_entropy=1, dice=1, iou=1, pooled=False)
    assert SegmentationLoss(every, sigmoid=True)(logits, target, ALL) == pytest.approx(
        float(sum(expected.values())), rel=1e-4
    )


def test_pooled_and_smoothed_dice() -> None:
    """VM-UNetV2's: 1 is added above and below, each sample by itself."""
    logits, target = pair(1)
    p = logits.sigmoid()
    for pooled, dims in ((False, (2, 3)), (True, (0, 2, 3))):
        both, sizes = (p * target).sum(dims), (p + target).sum(dims)
        expected = (1 - (2 * both + 1) / (sizes + 1)).mean()
        loss = SegmentationLoss(
            Loss(cross_entropy=0, dice=1, pooled=pooled, smooth=1), sigmoid=True
        )
        assert loss(logits, target, ALL) == pytest.approx(float(expected), rel=1e-5)


def test_the_structure_loss_looks_at_outlines() -> None:
    target = torch.zeros(1, 1, 64, 64)
    target[..., 16:48, 16:48] = 1
    sure = 20 * (2 * target - 1)
    known = torch.ones_like(target)
    assert structure_loss(sure, target, known) < 1e-3
    inside, border = sure.clone(), sure.clone()
    inside[..., 30:34, 30:34] *= -1
    border[..., 30:34, 44:48] *= -1
    assert structure_loss(border, target, known) > structure_loss(inside, target, known)


def test_the_edge_loss_wants_outlines() -> None:
    target = torch.zeros(1, 1, 32, 32)
    target[..., 8:24, 8:24] = 1
    edge = F.max_pool2d(target, 3, 1, 1) + F.max_pool2d(-target, 3, 1, 1)
    ignored = torch.zeros_like(target, dtype=torch.bool)
    right, wrong = 10 * (2 * edge - 1), 10 * (1 - 2 * edge)
    assert edge_loss(right, target, ignored) < 1e-3 < 1 < edge_loss(wrong, target, ignored)
    assert edge_loss(wrong, target, ~ignored) == 0


def test_regions_overlap_in_the_target() -> None:
    labels = torch.tensor([[[[0.0, 1.0, 2.0]]]])[None]
    target = one_hot(labels, volume_recipe(output=REGIONS))
    assert target[0, :, 0, 0].tolist() == [[0, 1, 1], [0, 1, 0]]


@pytest.mark.parametrize("output", [{"form": "softmax"}, {"form": "sigmoid"}, REGIONS])
@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("term", ["cross_entropy", "dice", "iou", "structure"])
def test_only_what_is_annotated_counts(output: dict[str, Any], pooled: bool, term: str) -> None:
    """Loss and gradient are those of the annotated part by itself."""
    recipe = volume_recipe(output=output)
    terms = Loss(**{**ALONE, term: 1.0}, pooled=pooled)
    loss = SegmentationLoss(terms, sigmoid=output["form"] != "softmax")
    torch.manual_seed(0)
    labels = torch.randint(0, 3, (2, 1, 32, 80)).float()
    part = (..., slice(32))  # no smaller than the neighbourhood of the structure loss
    alone, few = torch.randn(2, recipe.out_channels, 32, 80), labels[part].clone()
    whole = alone.clone().requires_grad_()
    alone = alone[part].clone().requires_grad_()
    labels[..., 32:] = IGNORED
    values = [loss(one, *masked_target(of, recipe)) for one, of in ((whole, labels), (alone, few))]
    for value in values:
        value.backward()
    torch.testing.assert_close(values[0], values[1])
    assert whole.grad is not None
    assert alone.grad is not None
    assert alone.grad.abs().sum() > 0
    assert not whole.grad[..., 32:].any()
    torch.testing.assert_close(whole.grad[part], alone.grad)


class _Fixed(nn.Module):
    """Gives the same logits whatever it sees."""

    def __init__(self, *logits: Tensor) -> None:
        super().__init__()
        self.logits = [nn.Parameter(one) for one in logits]

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.logits


def test_deep_supervision_halves_the_weight_of_each_level() -> None:
    recipe = Recipe.model_validate({"channels": ("red", "green", "blue"), **PICTURES})
    full, half = torch.randn(1, 1, 16, 16), torch.randn(1, 1, 8, 8)
    labels = torch.zeros(1, 1, 16, 16)
    labels[..., :8] = 1

    def loss_of(*logits: Tensor) -> float:
        module = SegmentationModule(_Fixed(*logits), recipe, Optimization(), Loss())
        return float(module.training_step((torch.zeros(1, 3, 16, 16), labels), 0))

    module = SegmentationModule(_Fixed(half), recipe, Optimization(), Loss())
    alone = float(
        module.training_step((torch.zeros(1, 3, 8, 8), labels[..., ::2, ::2].contiguous()), 0)
    )
    assert loss_of(full, half) == pytest.approx((loss_of(full) + 0.5 * alone) / 1.5, rel=1e-5)


def test_a_batch_without_any_annotation_teaches_nothing() -> None:
    recipe = volume_recipe()
    network = _Fixed(torch.randn(1, 3, 8, 8, 8))
    module = SegmentationModule(network, recipe, Optimization())
    labels = torch.full((1, 1, 8, 8, 8), IGNORED)
    module.last_loss = 0.5  # of the batch before
    module.training_step((torch.zeros(1, 2, 8, 8, 8), labels), 0).backward()
    assert not network.logits[0].grad.any()
    assert module.last_loss is None


def test_the_middle_frame_alone() -> None:
    recipe = small_recipe(clip_length=3, clip_overlap=1)
    labels = (torch.rand(2, 3, 1, 32, 40) > 0.5).float()
    network = _Fixed(torch.randn(2, 3, 1, 32, 40))
    loss = Loss(centre_frame=True)
    SegmentationModule(network, recipe, Optimization(), loss).training_step(
        (torch.zeros(2, 3, 3, 32, 40), labels), 0
    ).backward()
    gradient = network.logits[0].grad
    assert gradient[:, 1].any()
    assert not gradient[:, [0, 2]].any()
