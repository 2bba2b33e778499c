"""The four networks and the blocks that they share."""

from mambaseg.networks.factory import create_network, list_networks

__all__ = ["create_network", "list_networks"]
