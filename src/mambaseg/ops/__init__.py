"""The selective scan and its kernels."""

from mambaseg.ops.scan import available_backends, selective_scan

__all__ = ["available_backends", "selective_scan"]
