"""Networks by name."""

from __future__ import annotations

from functools import partial

import pytest
from torch.nn import Conv2d

from mambaseg.networks import create_network, factory, list_networks, register_network
from mambaseg.types.errors import UnknownNameError


def test_names_are_sorted() -> None:
    assert list_networks() == sorted(list_networks())
    assert "vivim" in list_networks()


def test_unknown_network_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'vivim'"):
        create_network("vivem")


def test_a_network_of_ones_own_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factory, "_NETWORKS", dict(factory._NETWORKS))
    register_network("one_layer", partial(Conv2d, kernel_size=1))
    assert "one_layer" in list_networks()
    assert isinstance(create_network("one_layer", in_channels=3, out_channels=2), Conv2d)
    with pytest.raises(ValueError, match="There is a network 'vivim'"):
        register_network("vivim", Conv2d)
