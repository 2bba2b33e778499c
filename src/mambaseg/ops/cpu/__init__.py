"""The scan as vector code for CPUs, compiled by numba at first use."""

from mambaseg.ops.cpu import backend
from mambaseg.ops.operators import register

__all__ = ["OPERATORS"]

OPERATORS = register("cpu", backend, keeps=True, device="cpu")
