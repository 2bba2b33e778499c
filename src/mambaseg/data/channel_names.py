"""What the names of files, layers and channels say about which channel is which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from mambaseg.data.channel_stack import ChannelStack
from mambaseg.types.image import MedicalImage

__all__ = ["SEQUENCES", "arranged", "guess_channels"]

SEQUENCES = (
    ("flair", "t2f", "t2flair"),
    ("t1", "t1n", "t1pre"),
    ("t1ce", "t1c", "t1gd", "t1contrast", "t1post"),
    ("t2", "t2w"),
)
"""Names of each sequence: BraTS before and after 2023, and what is common beside them."""
_NUMBER = re.compile(r"_(\d{4})$")


def guess_channels(names: Sequence[str], channels: Sequence[str]) -> dict[str, int] | None:
    """Guess which of several names is which channel.

    Parameters
    ----------
    names : sequence of str
        Names of files without suffix, or of layers.
    channels : sequence of str
        Names of the channels that a network takes, in order.

    Returns
    -------
    dict of str to int, or None
        Place in `names` of each channel; None where it is not clear for all.
        A name says its channel by a word of its own (BraTS's "case_t1ce"), or by
        nnU-Net's number at its end ("case_0000").
    """
    numbers = [_NUMBER.search(name) for name in names]
    if all(numbers):
        places = {int(found[1]): place for place, found in enumerate(numbers) if found}
        if set(range(len(channels))) <= places.keys():
            return {channel: places[index] for index, channel in enumerate(channels)}
    guessed: dict[str, int] = {}
    for channel in channels:
        known = _meanings(channel)
        fitting = [place for place, name in enumerate(names) if known & _words(name)]
        if len(fitting) != 1 or fitting[0] in guessed.values():
            return None
        guessed[channel] = fitting[0]
    return guessed


def arranged(image: MedicalImage, channels: Sequence[str]) -> MedicalImage:
    """Bring an image's channels into a network's order, where their names say which is which.

    Parameters
    ----------
    image : MedicalImage
        It is given back as it is where its channels are in order, are more or fewer,
        or have names that do not tell.
    channels : sequence of str
        Names of the channels that a network takes, in order.
    """
    names = image.channel_names
    if names == tuple(channels) or len(names) != len(channels):
        return image
    if set(names) == set(channels):
        places = {name: names.index(name) for name in channels}
    else:
        places = guess_channels(names, channels) or {}
    if not places:
        return image
    array = ChannelStack([(image.array, places[name]) for name in channels])
    return replace(image, array=array, channel_names=tuple(channels))


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", name.lower()))


def _meanings(channel: str) -> set[str]:
    word = re.sub(r"[^a-z0-9]", "", channel.lower())
    return next(({*names} for names in SEQUENCES if word in names), {word})
