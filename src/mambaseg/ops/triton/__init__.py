"""The scan as Triton kernels, for NVIDIA and AMD GPUs; under TRITON_INTERPRET=1 on a CPU too."""

from mambaseg.ops.operators import register
from mambaseg.ops.triton import backend

__all__ = ["OPERATORS"]

OPERATORS = register("triton", backend, keeps=True, device=None)
