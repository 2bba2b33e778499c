"""On a GPU no network waits for the host, nor the host for it, forward and backward.

The device "meta" stands in for one: it has shapes and no numbers. What asks a tensor for a number,
or for a shape that depends on numbers, fails there; copies from the host are looked for.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mambaseg.networks import create_network

CASES: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "vivim": ("vivim", (1, 3, 3, 64, 64), {"backbone": "b0"}),
    "vm_unet_v2": ("vm_unet_v2", (1, 3, 65, 96), {}),
    "segmamba": ("segmamba", (1, 4, 32, 48, 33), {}),
    "log_vmamba_2d": ("log_vmamba_2d", (1, 3, 64, 64), {"image_size": (64, 64)}),
    "log_vmamba_3d": ("log_vmamba_3d", (1, 4, 64, 64, 64), {"image_size": (64, 64, 64)}),
    "windows": ("log_vmamba_2d", (1, 3, 50, 96), {"image_size": (64, 64)}),
    "resampled tokens": (
        "log_vmamba_2d",
        (1, 3, 64, 96),
        {"image_size": (64, 64), "resample_tokens": True},
    ),
}


class NothingFromTheHost(TorchDispatchMode):
    """Asserts that all operations take and give tensors of the device alone."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [x for x in tree_leaves((args, kwargs, result)) if isinstance(x, Tensor)]
        assert all(x.device.type == "meta" for x in tensors), func
        return result


@pytest.mark.parametrize("training", [False, True], ids=["segmenting", "training"])
@pytest.mark.parametrize("case", CASES)
def test_no_network_waits(case: str, training: bool) -> None:
    name, size, arguments = CASES[case]
    with torch.device("meta"):
        network = create_network(name, **arguments).train(training)
        x = torch.empty(size)
    with NothingFromTheHost(), torch.set_grad_enabled(training):
        y = network(x)
        maps = [y] if isinstance(y, Tensor) else list(y)
        if training:
            torch.stack([part.mean() for part in maps]).sum().backward()
    assert maps[0].device.type == "meta"
    assert all((p.grad is not None) for p in network.parameters()) or not training
