"""The selective scan, its kernels, and the orders in which it runs."""

from mambaseg.ops.backends import (
    BackendStatus,
    available_backends,
    backend_status,
    default_backend,
)
from mambaseg.ops.conv import causal_conv
from mambaseg.ops.orders import NATURAL, REVERSED, Order, column_major, interleaved
from mambaseg.ops.scan import multi_scan, selective_scan

__all__ = [
    "NATURAL",
    "REVERSED",
    "BackendStatus",
    "Order",
    "available_backends",
    "backend_status",
    "causal_conv",
    "column_major",
    "default_backend",
    "interleaved",
    "multi_scan",
    "selective_scan",
]
