"""Files that are the channels of one image, told by the names that data sets give them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mambaseg.data.channel_names import SEQUENCES
from mambaseg.types.image import MedicalImage

__all__ = ["ChannelGroup", "group_channels"]

_VOLUME = re.compile(r"(.+)\.(nii\.gz|nii|nrrd|mha)$", re.IGNORECASE)
_NNUNET = re.compile(r"(.+)_(\d{4})$")
_BRATS_ORDER = [name for names in SEQUENCES for name in names]
_BRATS = re.compile(rf"(.+)[_-]({'|'.join(_BRATS_ORDER)})$", re.IGNORECASE)


@dataclass(frozen=True)
class ChannelGroup:
    """The files of one case.

    Parameters
    ----------
    name : str
        The case.
    files : tuple of Path
        One per channel.
    channels : tuple of str
        Their names.
    """

    name: str
    files: tuple[Path, ...]
    channels: tuple[str, ...]

    def open(self, *, resample: bool = False) -> MedicalImage:
        """Open them as one image; see `mambaseg.data.channels.open_channels`."""
        from mambaseg.data.channels import open_channels

        return open_channels(self.files, self.channels, resample=resample)


def group_channels(files: Iterable[Path]) -> list[ChannelGroup]:
    """Find the cases whose channels are files of their own.

    By nnU-Net's names CASE_0000.nii.gz, CASE_0001.nii.gz and so on, and those
    of BraTS, CASE_flair.nii.gz or CASE-t1c.nii.gz. A single file is no group.

    Parameters
    ----------
    files : iterable of Path
        Of one folder.

    Returns
    -------
    list of ChannelGroup
        By name; nnU-Net's channels by number, with the names of the data set's
        dataset.json if it is there, BraTS's in the order FLAIR, T1, T1ce, T2.
    """
    cases: dict[tuple[str, str], dict[str, Path]] = {}
    for file in files:
        volume = _VOLUME.match(file.name)
        for kind, pattern in (("nnU-Net", _NNUNET), ("BraTS", _BRATS)):
            match = pattern.match(volume[1]) if volume else None
            if match:
                cases.setdefault((match[1], kind), {})[match[2].lower()] = file
                break
    groups = []
    for (name, kind), found in sorted(cases.items()):
        if len(found) > 1:
            order = sorted(found, key=_BRATS_ORDER.index if kind == "BraTS" else str)
            paths = tuple(found[channel] for channel in order)
            channels = tuple(order) if kind == "BraTS" else _nnunet_names(order, paths[0].parent)
            groups.append(ChannelGroup(name, paths, channels))
    return groups


def _nnunet_names(numbers: list[str], folder: Path) -> tuple[str, ...]:
    names: Any = {}
    for place in (folder, folder.parent):
        try:
            content = json.loads((place / "dataset.json").read_text(encoding="utf-8"))
            names = content.get("channel_names") or content.get("modality") or {}
            break
        except (OSError, ValueError, AttributeError):
            continue
    names = names if isinstance(names, dict) else {}
    return tuple(str(names.get(str(int(one)), f"channel {int(one)}")) for one in numbers)
