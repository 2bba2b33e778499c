"""Networks by name."""

from __future__ import annotations

import pytest

from mambaseg.networks import create_network, list_networks
from mambaseg.types.errors import UnknownNameError


def test_names_are_sorted() -> None:
    assert list_networks() == sorted(list_networks())
    assert "vivim" in list_networks()


def test_unknown_network_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'vivim'"):
        create_network("vivem")
