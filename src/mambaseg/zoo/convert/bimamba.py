"""Names of the weights in the authors' Mamba of three directions ("bimamba v3")."""

from __future__ import annotations

import re

__all__ = ["rename_bimamba"]

_DIRECTION = {"": "0", "_b": "1", "_s": "2"}
_MAMBA = re.compile(r"\bmamba\.(A|D|conv1d|x_proj|dt_proj)(_b|_s)?(_log)?(\..+)?$")


def rename_bimamba(key: str) -> str:
    """Our name of a weight of a module `mamba`; other keys as they are."""

    def ours(match: re.Match[str]) -> str:
        part, direction, log, rest = match.groups(default="")
        return f"mamba.directions.{_DIRECTION[direction]}.{part}{log}{rest}"

    return _MAMBA.sub(ours, key)
