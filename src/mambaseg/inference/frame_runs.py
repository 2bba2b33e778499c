"""Frames that follow each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["runs", "wanted"]


def runs(frames: Iterable[int], longest: int | None = None) -> Iterator[range]:
    """Put ascending frames into ranges.

    Parameters
    ----------
    frames : iterable of int
    longest : int, optional
        Frames that a range may have.

    Yields
    ------
    range
    """
    run = range(0)
    for frame in frames:
        if len(run) and frame == run.stop and len(run) != longest:
            run = range(run.start, frame + 1)
            continue
        if len(run):
            yield run
        run = range(frame, frame + 1)
    if len(run):
        yield run


def wanted(frames: range, skip: frozenset[int]) -> int:
    """Count the frames that are not to be left out."""
    return len(frames) - sum(frame in frames for frame in skip)
