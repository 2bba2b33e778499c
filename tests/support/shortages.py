"""Memory that runs short where a test says so, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from mambaseg.inference import Adapted, Chunk, Event, Finished


def starve(*_: object) -> None:
    """Ask for more memory than there is."""
    torch.empty(2**50, dtype=torch.uint8)  # the allocator's own error


def once(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, fails: Callable[..., object], at: int
) -> None:
    """Have the call number `at` of a function fail, and no other."""
    function, calls = getattr(owner, name), []

    def failing(*args: Any, **kwargs: Any) -> Any:
        calls.append(None)
        if len(calls) == at:
            fails()
        return function(*args, **kwargs)

    monkeypatch.setattr(owner, name, failing)


def adapted(events: list[Event]) -> list[str]:
    """How the engine gave way."""
    return [event.rung for event in events if isinstance(event, Adapted)]


def whole(events: list[Event]) -> np.ndarray:
    """The labels of the chunks, each frame or slice once."""
    chunks = [event for event in events if isinstance(event, Chunk)]
    for before, after in pairwise(chunks):
        assert before.stop == after.start
    return np.concatenate([chunk.labels for chunk in chunks])


def check_same(events: list[Event]) -> np.ndarray:
    """Streamed equals whole; gives it."""
    assert isinstance(events[-1], Finished)
    labels = np.asarray(events[-1].segmentation.labels)
    streamed = whole(events)
    np.testing.assert_array_equal(streamed, labels if labels.ndim == 3 else labels[None])
    assert list(events[-1].record.adapted) == adapted(events)
    return labels
