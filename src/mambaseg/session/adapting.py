"""Whether a copy of a model that learns the corrected frames helps with the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.editing import agreement, half_way, propagate
from mambaseg.inference.label_store import new_labels
from mambaseg.session.model_copy import Ingredients, ModelCopy
from mambaseg.session.worker import Task
from mambaseg.types.optimization import Budget

__all__ = ["Adaptation", "left_out"]

Mask = NDArray[np.integer[Any]]
Read = Callable[[int], NDArray[Any]]

_FEWEST = 3
_TRIAL = Budget(steps=180, minutes=2.5)
_REST = Budget(steps=60, minutes=1)
"""What is learnt to see whether it helps, and with the left-out frames after that."""


def left_out(known: Collection[int], learnt: Collection[int] = ()) -> list[int]:
    """Choose known frames to leave out, a quarter of them, of those that lie between others.

    Parameters
    ----------
    known : collection of int
    learnt : collection of int
        Frames that the model knows from before, on which it would flatter itself.

    Returns
    -------
    list of int
        In ascending order, evenly spaced; empty where nothing can be left out.
    """
    inner = [frame for frame in sorted(known)[1:-1] if frame not in learnt]
    count = min(len(inner), max(1, len(known) // 4))
    # The middles of as many equal parts.
    return [inner[(2 * part + 1) * len(inner) // (2 * count)] for part in range(count)]


class Adaptation:
    """Lets a copy of a model learn known frames, and moves carried masks towards what it finds.

    Some known frames are left out at first. Only where the mean of both agrees better with
    their masks than what is carried without them, the copy learns these, too, and the carried
    masks' outlines are moved half the way to what it finds.

    Parameters
    ----------
    of : Ingredients

    Attributes
    ----------
    model : str
        Its name.
    outcome : str
        What came of it, in words; "" before it is known.
    """

    def __init__(self, of: Ingredients) -> None:
        self._of, self.model, self.outcome = of, of.model.name, ""

    @cached_property
    def _carried(self) -> Any:
        frames, height, width = self._of.image.array.shape[1:]
        return new_labels((frames, height, width))

    def take(self, frame: int, mask: Mask) -> None:
        """Take the mask (Y, X) that was carried to a frame."""
        self._carried[frame] = mask

    def masks(
        self,
        known: Mapping[int, Mask],
        read: Read,
        task: Task,
        say: Callable[[str, float], object],
    ) -> Iterator[tuple[int, Mask]]:
        """Give other masks of the frames whose masks were taken, if they are better.

        Parameters
        ----------
        known : mapping of int to ndarray of int, shape (Y, X)
        read : callable
            Gives a frame of shape (C, Y, X).
        task : Task
            Whose stop ends it.
        say : callable
            Is told what goes on, and which part of it is done.

        Yields
        ------
        int
            A frame.
        ndarray of int, shape (Y, X)
            Its mask.

        Raises
        ------
        MambasegError
            If learning or segmenting fails.
        """
        model = self.model
        if len(known) < _FEWEST:
            self.outcome = (
                f"{_FEWEST} corrected frames are needed to see whether {model} helps: what is "
                "carried stays as it is."
            )
            return
        with ModelCopy(self._of, known, task) as copy:
            trial = left_out(known, copy.learnt)
            if not trial:
                self.outcome = (
                    f"{model} has learnt the corrected frames before, so that none shows whether "
                    "it helps: what is carried stays as it is. Correct another one between them."
                )
                return
            copy.learn(trial, _TRIAL, lambda part: say(f"A copy of {model} learns…", part))
            if self._helps(known, dict(copy.find(trial)), read):
                copy.learn((), _REST, lambda part: say("It learns the frames left out…", part))
                unknown = [n for n in range(self._of.image.array.shape[1]) if n not in known]
                for done, (frame, found) in enumerate(copy.find(unknown)):
                    say("Carried masks move towards what it finds…", done / len(unknown))
                    yield frame, half_way(self._carried[frame], found)

    def _helps(self, known: Mapping[int, Mask], found: Mapping[int, Mask], read: Read) -> bool:
        """Compare on the frames left out, and say how it went."""
        rest = {frame: mask for frame, mask in known.items() if frame not in found}
        alone = {n: mask for one in found for n, mask in propagate(read, rest, range(one, one + 1))}
        before, after = (
            float(np.mean([agreement(masks[n], known[n]) for n in found]))
            for masks in (alone, {n: half_way(alone[n], found[n]) for n in found})
        )
        which = ", ".join(map(str, sorted(found)))
        scores = f"(Dice {after:.3f} with it, {before:.3f} without, on {which} left out)"
        if after > before:
            self.outcome = f"What {self.model} has learnt helps {scores}: it was used."
        else:
            self.outcome = (
                f"What {self.model} has learnt does not help {scores}: what is carried stays as "
                "it is."
            )
        return after > before
