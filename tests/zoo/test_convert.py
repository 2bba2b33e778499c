"""Checkpoints of the authors' code."""

from __future__ import annotations

import pytest
import torch

from golden import Golden
from mambaseg.networks import create_network
from mambaseg.types.errors import IncompatibleWeightsError
from mambaseg.zoo import convert_state_dict


@pytest.fixture(scope="module")
def theirs() -> dict[str, torch.Tensor]:
    return Golden("vivim").state_dict()


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return create_network("vivim")


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
def test_every_key_is_matched_or_named_as_dropped(
    network: torch.nn.Module, theirs: dict[str, torch.Tensor], prefix: str
) -> None:
    wrapped = {prefix + key: value for key, value in theirs.items()}
    converted, report = convert_state_dict(network, wrapped)
    assert set(report.matched) | set(report.dropped) == set(theirs)
    assert not set(report.matched) & set(report.dropped)
    assert sorted(report.matched.values()) == sorted(network.state_dict())
    assert report.untrained == ()
    dead = sum(theirs[key].numel() for key in report.dropped)
    assert dead == 117_398  # as counted in the authors' network
    for key, name in report.matched.items():
        assert converted[name] is theirs[key]
    text = str(report)
    assert "matched 900 weights" in text
    assert "never called" in text


def test_a_head_without_weights_is_reported(theirs: dict[str, torch.Tensor]) -> None:
    network = create_network("vivim", edge_head=True)
    _, report = convert_state_dict(network, theirs)
    assert set(report.untrained) == {"edge_head.weight", "edge_head.bias"}
    assert "edge_head.weight" in str(report)


def test_another_width_is_refused(theirs: dict[str, torch.Tensor]) -> None:
    with pytest.raises(IncompatibleWeightsError, match=r"has the shape .* but this Vivim needs"):
        convert_state_dict(create_network("vivim", backbone="b0"), theirs)


def test_another_depth_is_refused(theirs: dict[str, torch.Tensor]) -> None:
    with pytest.raises(IncompatibleWeightsError, match=r"has no place in this Vivim"):
        convert_state_dict(create_network("vivim", backbone="b1"), theirs)


@pytest.mark.parametrize("keys", [[], ["conv.weight"]])
def test_another_network_is_refused(network: torch.nn.Module, keys: list[str]) -> None:
    with pytest.raises(IncompatibleWeightsError, match="do not look like the authors' Vivim"):
        convert_state_dict(network, {key: torch.zeros(1) for key in keys})
