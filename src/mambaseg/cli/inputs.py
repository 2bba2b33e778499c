"""The files that a user names, as one image."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from mambaseg.data import base_name, read_image
from mambaseg.data.channel_names import guess_channels
from mambaseg.data.channels import join_channels
from mambaseg.types.errors import InvalidOptionError
from mambaseg.types.image import MedicalImage

__all__ = ["case_name", "read_case"]


def read_case(
    files: Sequence[Path],
    named: Mapping[str, Path],
    channels: Sequence[str],
    *,
    resample: bool = False,
) -> MedicalImage:
    """Read one image, or several as the channels that a model takes.

    Parameters
    ----------
    files : sequence of Path
        One file with all channels, or one for each channel, told apart by name.
    named : mapping of str to Path
        Files of channels by the channels' names.
    channels : sequence of str
        Those that the model takes.
    resample : bool
        Bring uneven slices to even ones, and channels onto the first one's grid.

    Raises
    ------
    InvalidOptionError
        If it is not clear which file is which channel, or one is missing or too many.
    UnreadableImageError, UnsupportedImageError
        If a file cannot be read, or the files lie on different grids.
    """
    if not named and len(files) == 1:
        return read_image(files[0], resample=resample)
    if not named and not files:
        raise InvalidOptionError("No image was given: name a file, or one for each channel.")
    if len(files) + len(named) > len(channels):
        raise InvalidOptionError(
            f"{len(files) + len(named)} files were given, but this model takes one image of "
            f"{_counted(channels)}. Segment several images one after another."
        )
    if len(files) + len(named) < len(channels):
        raise InvalidOptionError(
            f"{len(files) + len(named)} files were given, but this model takes "
            f"{_counted(channels)}: name a file for each."
        )
    if unknown := [name for name in named if name not in channels]:
        raise InvalidOptionError(
            f"This model has no channel {unknown[0]!r}; it takes {_counted(channels)}."
        )
    left = [name for name in channels if name not in named]
    guessed = guess_channels([base_name(file) for file in files], left)
    if guessed is None:
        raise InvalidOptionError(
            f"It is not clear which of {', '.join(file.name for file in files) or 'no file'} is "
            f"which channel of {', '.join(left)}: say it for each, with --channel {left[0]}=FILE."
        )
    places = {**{name: files[place] for name, place in guessed.items()}, **named}
    for name in channels:
        print(f"channel {name}: {places[name]}")
    images = [read_image(places[name], resample=resample) for name in channels]
    return join_channels(images, channels, resample=resample)


def case_name(files: Sequence[Path]) -> str:
    """Name a case by its file, or by what its files' names have in common."""
    names = [base_name(file) for file in files]
    if len(names) == 1:
        return names[0]
    words = zip(*(re.findall(r"[^_\-. ]+[_\-. ]*", name) for name in names), strict=False)
    common = "".join(word for word, *others in takewhile(lambda row: len(set(row)) == 1, words))
    return common.rstrip("_-. ") or names[0]


def _counted(channels: Sequence[str]) -> str:
    return f"{len(channels)} channel{'s' * (len(channels) > 1)} ({', '.join(channels)})"
