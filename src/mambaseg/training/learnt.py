"""Which verified frames a model has learnt from, it or those before it."""

from __future__ import annotations

from collections.abc import Iterable

from mambaseg.corrections import content_digest
from mambaseg.training.split import Frames, near_frames
from mambaseg.types.trained_model import ModelCard

__all__ = ["flattery", "learnt_frames", "with_learnt"]


def learnt_frames(card: ModelCard, cases: Iterable[str]) -> Frames:
    """Give the frames of a store's cases that a model has learnt from, by case."""
    digests = {case: content_digest(case) for case in cases}
    return {
        case: card.trained_frames[digest]
        for case, digest in digests.items()
        if digest in card.trained_frames
    }


def with_learnt(card: ModelCard, training: Frames) -> Frames:
    """Give what a model's card is to say once it has learnt from more frames of a store."""
    found = {digest: set(frames) for digest, frames in card.trained_frames.items()}
    for case, frames in training.items():
        found.setdefault(content_digest(case), set()).update(frames)
    return {digest: tuple(sorted(frames)) for digest, frames in sorted(found.items())}


def flattery(held_out: Frames, model: str, card: ModelCard, margin: int) -> str:
    """Say how many held-out frames a model knows already, as frames or by their neighbours.

    Returns
    -------
    str
        A sentence; "" if it knows none.
    """
    learnt = learnt_frames(card, held_out)
    known = sum(
        len(near_frames(learnt.get(case, ()), margin).intersection(frames))
        for case, frames in held_out.items()
    )
    if not known:
        return ""
    return (
        f"{model} has learnt from {known} of the {sum(map(len, held_out.values()))} held-out "
        "frames before, or from neighbours of theirs, so that scores on them flatter: hold out "
        "others, if there are any."
    )
