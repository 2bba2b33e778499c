"""Names of the weights in the authors' VM-UNetV2 (github.com/nobodyplayer1/VM-UNetV2)."""

from __future__ import annotations

import re

from mambaseg.zoo.convert.vmamba_blocks import rename_block

__all__ = ["DEAD", "FINGERPRINT", "rename"]

FINGERPRINT = "Translayer_1.conv.weight"
"""A key that only such a checkpoint has."""

DEAD = (
    (
        re.compile(r"vmunet\.layers\.3\."),
        "the encoder's last stage, computed and thrown away (kept with unused_stage=True)",
    ),
    (re.compile(r"deconv5\."), "an upsampling layer, never called"),
    (re.compile(r"seg_outs\.[01]\."), "heads of coarse scales, whose logits are thrown away"),
    (
        re.compile(r"seg_outs\.2\.|deconv6\."),
        "the second finest scale's head, which has no effect without deep supervision",
    ),
)
"""Patterns of weights that the authors' network holds and may not use, each with the reason."""


def _level(match: re.Match[str]) -> str:
    """Give our name of a part that the authors count from one, and we from zero."""
    part, level = match[1], int(match[2]) - 1
    return {
        "ca": f"skips.{level}.channel_attention.",
        "sa": f"skips.{level}.spatial_attention.",
        "Translayer": f"skips.{level}.",
        "sdi": f"decoder.fusions.{level}.",
    }[part]


_RENAMES: tuple[tuple[str, str], ...] = (
    (r"^vmunet\.patch_embed\.", r"encoder.patch_embedding."),
    (r"^vmunet\.layers\.(\d)\.blocks\.", r"encoder.stages.\1."),
    (r"^vmunet\.layers\.(\d)\.downsample\.", r"encoder.merges.\1."),
    (r"(spatial_attention\.)conv1\.", r"\1conv."),
    (r"^(skips\.\d\.)bn\.", r"\1norm."),
    (r"^deconv4\.", r"decoder.ups.0."),
    (r"^deconv3\.", r"decoder.ups.1."),
    (r"^deconv2\.", r"decoder.ups.2."),
    (r"^deconv6\.", r"decoder.coarse_up."),
    (r"^seg_outs\.3\.", r"decoder.head."),
    (r"^seg_outs\.2\.", r"decoder.coarse_head."),
)
_LEVEL = re.compile(r"^(ca|sa|Translayer|sdi)_(\d)\.")


def rename(key: str) -> str:
    """Our name of a weight that the authors call `key`."""
    key = _LEVEL.sub(_level, key)
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    return rename_block(key)
