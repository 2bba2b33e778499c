"""Whether a copy of a model that learns the corrected frames helps with the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mambaseg.editing import agreement, half_way, propagate
from mambaseg.inference.events import Chunk
from mambaseg.inference.label_store import keep_labels, new_labels
from mambaseg.session.model_copy import Ingredients, ModelCopy
from mambaseg.session.worker import Task
from mambaseg.training.split import near_frames
from mambaseg.types.optimization import Budget

__all__ = ["Adaptation", "left_out"]

Mask = NDArray[np.integer[Any]]
Read = Callable[[int], NDArray[Any]]

_FEWEST = 3
_LEAST_GAIN = 0.005
"""In Dice; less may be chance."""
_TRIAL = Budget(steps=180, minutes=2.5)
_REST = Budget(steps=60, minutes=1)
"""What is learnt to see whether it helps, and with the left-out frames after that."""


def left_out(
    known: Collection[int], learnt: Collection[int] = (), margin: int = 0
) -> tuple[list[int], list[int]]:
    """Choose known frames to leave out, a quarter of them, of those that lie between others.

    Parameters
    ----------
    known : collection of int
    learnt : collection of int
        Frames that the model knows from before, on which it would flatter itself.
    margin : int
        How far from those left out nothing may be learnt.

    Returns
    -------
    list of int, list of int
        Those left out, evenly spaced, and those to learn, both in ascending order; empty where
        none can be left out, or fewer than two would be left to learn.
    """
    inner = [frame for frame in sorted(known)[1:-1] if frame not in learnt]
    count = min(len(inner), max(1, len(known) // 4))
    # The middles of as many equal parts.
    out = [inner[(2 * part + 1) * len(inner) // (2 * count)] for part in range(count)]
    rest = sorted(set(known) - near_frames(out, margin))
    return (out, rest) if out and len(rest) > 1 else ([], [])


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
        keep_labels(self._carried, Chunk(frame, frame + 1, mask[None].astype(np.uint8)))

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
        if len(known) < _FEWEST:
            self._stays(f"{_FEWEST} corrected frames are needed to see whether {self.model} helps")
            return
        say("Keeping a copy of the clip to learn from…", 0.0)
        with ModelCopy(self._of, known, task) as copy:
            trial, rest = left_out(known, copy.learnt, copy.margin)
            if not trial:
                self._stays(
                    "No corrected frame lies between others that the model has not learnt before, "
                    "and far enough from them, to see on it whether it helps"
                )
                return
            copy.learn(trial, _TRIAL, lambda part: say(f"A copy of {self.model} learns…", part))
            say("Comparing on the frames left out…", 0.0)
            found = dict(copy.find(trial))
            if self._helps(known, {frame: known[frame] for frame in rest}, found, read):
                copy.learn((), _REST, lambda part: say("It learns the frames left out…", part))
                unknown = [n for n in range(self._of.image.array.shape[1]) if n not in known]
                for done, (frame, mask) in enumerate(copy.find(unknown)):
                    say("Carried masks move towards what it finds…", done / len(unknown))
                    yield frame, half_way(self._carried[frame], mask)

    def _helps(
        self,
        known: Mapping[int, Mask],
        rest: Mapping[int, Mask],
        found: Mapping[int, Mask],
        read: Read,
    ) -> bool:
        """Compare on frames left out, to which only the rest is carried, and say how it went."""
        scores = []
        for frame, alone in propagate(read, rest, found):
            both = half_way(alone, found[frame])
            # What nobody annotated is neither right nor wrong.
            annotated = known[frame] != self._of.label_set.ignore
            true = known[frame] * annotated
            scores.append([agreement(one * annotated, true) for one in (alone, both)])
        before, after = np.mean(scores, axis=0)
        which = f"frame{'s' * (len(found) > 1)} {' and '.join(map(str, sorted(found)))}"
        why = f"(Dice {after:.3f} with it, {before:.3f} without it, on {which}, left out)"
        helps = bool(after > before + _LEAST_GAIN)
        if helps:
            self.outcome = f"A copy of {self.model} helps {why}: it was used."
        else:
            self._stays(f"A copy of {self.model} does not help {why}")
        return helps

    def _stays(self, why: str) -> None:
        self.outcome = f"{why}: what is carried stays as it is."
