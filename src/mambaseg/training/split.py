"""Which verified frames train, and which measure what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mambaseg.types.errors import TrainingError
from mambaseg.types.network_input import VideoInput
from mambaseg.types.recipe import Recipe
from mambaseg.types.schema import Schema

__all__ = [
    "FrameSplit",
    "Frames",
    "near_frames",
    "propose_held_out",
    "split_frames",
    "split_margin",
]

_MOST_RECORDINGS = 1 / 3
"""Part of the frames that may be held out where these are whole recordings."""

Frames = dict[str, tuple[int, ...]]


class FrameSplit(Schema):
    """Verified frames by case, each in one of three parts.

    Parameters
    ----------
    training, held_out : dict of str to tuple of int
        Frames that train, and frames that measure. No frame of one is a
        neighbour of one of the other.
    left_out : dict of str to tuple of int
        Neighbours of held-out frames: so alike that a score would flatter.
    """

    training: Frames
    held_out: Frames
    left_out: Frames

    @property
    def n_training(self) -> int:
        """Number of frames that train."""
        return sum(map(len, self.training.values()))

    @property
    def n_held_out(self) -> int:
        """Number of frames that measure."""
        return sum(map(len, self.held_out.values()))


def propose_held_out(
    verified: Mapping[str, Iterable[int]],
    *,
    fraction: float = 0.2,
    margin: int = 2,
    learnt: Mapping[str, Iterable[int]] | None = None,
) -> Frames:
    """Choose frames to hold out, so that a score on them can be believed.

    Whole recordings where they make up about a fifth of the verified frames, a third
    at most. Else one contiguous run of a fifth (at least one frame), in the
    order of cases and frames: of all such runs the one that leaves the most
    frames to train, once its neighbours are left out, and of these the last.
    One in the middle of a film would leave a gap there that nothing trains for.

    Frames that the model has learnt from before, and their neighbours, are passed over while
    there are others, be these fewer than a fifth: on what it knows every model looks good.

    Parameters
    ----------
    verified : mapping of str to iterable of int
        Verified frames by case.
    fraction : float
        Of the verified frames.
    margin : int
        Frames up to this far apart are neighbours.
    learnt : mapping of str to iterable of int, optional
        Frames that the model to start from has learnt from, by case.

    Returns
    -------
    dict of str to tuple of int
        Empty where nothing would be left to train.
    """
    ordered = [(case, frame) for case in sorted(verified) for frame in sorted(set(verified[case]))]
    count = max(1, round(len(ordered) * fraction))
    most = _MOST_RECORDINGS * len(ordered)  # before what is known is taken away
    known = {case: near_frames(frames, margin) for case, frames in (learnt or {}).items()}
    unseen = [(case, frame) for case, frame in ordered if frame not in known.get(case, ())]
    ordered = unseen or ordered
    count = min(count, len(ordered))
    whole = {
        case: frames
        for case, frames in _by_case(ordered).items()
        if len(frames) == len(set(verified[case]))
    }
    if recordings := _whole_recordings(whole, count, most):
        return recordings
    most_left = 0
    best: Frames = {}
    for start in range(len(ordered) - count + 1):
        run = _by_case(ordered[start : start + count])
        left = split_frames(verified, run, margin=margin).n_training
        if left and left >= most_left:
            most_left, best = left, run
    return best


def _whole_recordings(verified: Frames, count: int, most: float) -> Frames:
    """Give the last recordings, or the one, that hold `count` frames; none if above `most`."""
    chosen: Frames = {}
    for case in sorted(verified, key=lambda case: (-len(verified[case]), case), reverse=True):
        held = sum(map(len, chosen.values()))
        if held >= count or held + len(verified[case]) > most:
            break
        chosen[case] = verified[case]
    return dict(sorted(chosen.items())) if sum(map(len, chosen.values())) >= count else {}


def split_margin(recipe: Recipe) -> int:
    """Give how far from held-out frames, or slices, nothing trains, for they are too alike."""
    if isinstance(recipe.input, VideoInput):
        # Half a clip apart, a held-out frame is validated in a clip without training frames.
        return max(1, recipe.input.clip_length // 2)
    return 1 if recipe.kind == "image" else 2


def split_frames(
    verified: Mapping[str, Iterable[int]], held_out: Mapping[str, Iterable[int]], *, margin: int = 2
) -> FrameSplit:
    """Divide verified frames, given those to hold out.

    Parameters
    ----------
    verified, held_out : mapping of str to iterable of int
        Frames by case.
    margin : int
        Frames up to this far from a held-out one do not train.

    Raises
    ------
    TrainingError
        If a frame to hold out was not verified.
    """
    parts: tuple[Frames, Frames, Frames] = {}, {}, {}
    for case in sorted({*verified, *held_out}):
        all_frames, held = set(verified.get(case, ())), set(held_out.get(case, ()))
        if not held <= all_frames:
            raise TrainingError(
                f"Frames {sorted(held - all_frames)} of {case!r} cannot be held out, because only "
                f"{sorted(all_frames)} were verified: choose from these, or verify more."
            )
        near = near_frames(held, margin)
        for part, frames in zip(
            parts, (all_frames - near, held, (all_frames & near) - held), strict=True
        ):
            if frames:
                part[case] = tuple(sorted(frames))
    return FrameSplit(training=parts[0], held_out=parts[1], left_out=parts[2])


def near_frames(frames: Iterable[int], margin: int) -> set[int]:
    """Give frames, and what lies up to `margin` from one of them."""
    return {near for frame in frames for near in range(frame - margin, frame + margin + 1)}


def _by_case(frames: Iterable[tuple[str, int]]) -> Frames:
    found: dict[str, tuple[int, ...]] = {}
    for case, frame in frames:
        found[case] = (*found.get(case, ()), frame)
    return found
