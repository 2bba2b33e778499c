"""A small Recipe of every network, and a data set that it can learn from."""

from __future__ import annotations

from typing import Any

import layouts

GREY = {"channels": ("intensity",), "intensity": {"rule": "scaled", "mean": [0.4], "std": [0.2]}}
SMALL_2D = {"depths": [1, 1, 1, 1], "widths": [16, 32, 64, 128], "drop_path": 0.0}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "vivim": (
        "clips",
        {
            "arguments": {"backbone": "b0", "widths": [8, 16, 40, 64], "decoder_width": 32},
            "channels": ("red", "green", "blue"),
            "intensity": {"rule": "scaled", "mean": [0.4] * 3, "std": [0.2] * 3},
            "input": {"kind": "video", "size": (40, 48), "clip_length": 3, "clip_overlap": 1},
        },
    ),
    "vm_unet_v2": (
        "paired",
        {
            "arguments": {**SMALL_2D, "decoder_width": 16},
            **GREY,
            "input": {"kind": "image", "size": (64, 64)},
        },
    ),
    "log_vmamba_2d": (
        "paired",
        {
            "arguments": {**SMALL_2D, "image_size": [64, 64]},
            **GREY,
            "input": {"kind": "image", "size": (64, 64)},
        },
    ),
    "segmamba": (
        "decathlon",
        {
            "arguments": {"depths": [1, 1, 1, 1], "widths": [8, 16, 16, 32], "hidden_width": 32},
            "channels": ("MRI",),
            "intensity": {"rule": "z_score"},
            "input": {"kind": "volume", "patch_size": layouts.SIZE},
            "output": {"form": "softmax"},
        },
    ),
    "log_vmamba_3d": (
        "decathlon",
        {
            "arguments": {"widths": [16, 16, 32, 32, 32], "image_size": [32, 32, 64]},
            "channels": ("MRI",),
            "intensity": {"rule": "z_score"},
            "input": {"kind": "volume", "patch_size": (32, 32, 64)},
        },
    ),
}
"""By network: a layout of `layouts`, and the Recipe but for network and labels."""
