"""Small parts that networks share."""

from __future__ import annotations

import pytest
import torch

from mambaseg.networks.blocks.drop_path import DropPath
from mambaseg.networks.blocks.initialisation import draw_time_steps


def test_drop_path_keeps_the_expectation_and_rests_in_eval() -> None:
    torch.manual_seed(0)
    drop = DropPath(0.25)
    x = torch.ones(4000, 2)
    y = drop(x)
    assert y.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert torch.equal(y[:, 0], y[:, 1])
    assert y.mean() == pytest.approx(1, abs=0.05)
    assert drop.eval()(x) is x
    with pytest.raises(ValueError, match="rate must be"):
        DropPath(1.0)


def test_time_steps_are_spread_log_uniformly() -> None:
    torch.manual_seed(0)
    weight, bias = torch.empty(4, 1000, 16), torch.empty(4, 1000)
    draw_time_steps(weight, bias)
    assert weight.abs().max() <= 0.25
    assert weight.std() == pytest.approx(0.25 / 3**0.5, rel=0.02)
    logs = torch.nn.functional.softplus(bias).log10()
    assert logs.min() >= -3.001
    assert logs.max() <= -0.999
    assert logs.mean() == pytest.approx(-2, abs=0.05)
