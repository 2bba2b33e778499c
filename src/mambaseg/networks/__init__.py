"""The networks and the blocks that they share."""

from typing import Any

from mambaseg.networks.factory import create_network, list_networks, register_network

__all__ = ["create_network", "list_networks", "register_network", "summary"]


def __getattr__(name: str) -> Any:
    # Only who asks for it waits for torch's counters and fake tensors to load.
    if name == "summary":
        from mambaseg.networks.costs import summary

        return summary
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
