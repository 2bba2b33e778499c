"""Names of the weights in the authors' SegMamba (github.com/ge-xing/SegMamba)."""

from __future__ import annotations

import re

from mambaseg.zoo.convert.bimamba import rename_bimamba

__all__ = ["DEAD", "FINGERPRINT", "rename"]

FINGERPRINT = "vit.gscs.0.proj.weight"
"""A key that only such a checkpoint has."""

DEAD: tuple[tuple[re.Pattern[str], str], ...] = ()
"""All weights of the authors' network are used."""

_GSC = {"": "conv1", "2": "conv2", "3": "gate", "4": "fuse"}
_RENAMES: tuple[tuple[str, str], ...] = (
    (r"^vit\.downsample_layers\.0\.0\.", r"stem."),
    (r"^vit\.stages\.(\d)\.(\d+)\.", r"stages.\1.layers.\2."),
    (r"^vit\.mlps\.", r"skip_mlps."),
    (r"^decoder1\.layer\.", r"last."),
    (r"\.(conv\d)\.conv\.", r".\1."),
    (r"\.conv3\.", r".shortcut."),
    (r"\.transp_conv\.conv\.", r".up."),
    (r"\.conv_block\.", r".block."),
    (r"^out\.conv\.conv\.", r"head."),
)


def rename(key: str) -> str:
    """Our name of a weight that the authors call `key`."""
    if match := re.match(r"vit\.downsample_layers\.([1-9])\.1\.(.+)", key):
        return f"downsamplings.{int(match[1]) - 1}.conv.{match[2]}"
    if match := re.match(r"vit\.gscs\.(\d)\.proj(\d?)\.(.+)", key):
        return f"stages.{match[1]}.gsc.{_GSC[match[2]]}.{match[3]}"
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    if match := re.match(r"encoder(\d)\.layer\.(.+)", key):
        return f"encoders.{int(match[1]) - 1}.{match[2]}"
    if match := re.match(r"decoder(\d)\.(.+)", key):
        return f"ups.{int(match[1]) - 2}.{match[2]}"
    return rename_bimamba(key)
