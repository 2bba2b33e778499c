"""Doubt: the scores, and the order in which to look at frames."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mambaseg.inference.doubt import Doubt
from mambaseg.inference.doubt_meter import DoubtMeter
from mambaseg.types.network_output import NetworkOutput, Sigmoid, Softmax


def disc(y: float, x: float, radius: float = 12.0, soft: float = 1.0) -> torch.Tensor:
    """Probabilities (1, 64, 80) of a disc whose border is `soft` pixels wide."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(80.0), indexing="ij")
    distance = ((rows - y) ** 2 + (columns - x) ** 2).sqrt()
    return ((radius - distance) / soft).sigmoid()[None]


def measured(frames: list[torch.Tensor], output: NetworkOutput | None = None) -> Doubt:
    meter = DoubtMeter(output or Sigmoid(), "frames", range(len(frames)))
    for place in range(0, len(frames), 3):
        meter.add(place, torch.stack(frames[place : place + 3]))
    return meter.doubt()


def test_a_blurred_frame_is_in_most_doubt() -> None:
    frames = [disc(30, 40 + 0.2 * t) for t in range(12)]
    frames[7] = disc(30, 41.4, soft=6.0)
    doubt = measured(frames)
    assert doubt.ranked(1) == [7]
    assert doubt.entropy is not None
    assert doubt.entropy.argmax() == 7
    assert ((doubt.scores >= 0) & (doubt.scores <= 1)).all()
    assert doubt.scores.dtype == np.float32


@pytest.mark.parametrize("other", [disc(30, 58), disc(30, 40, radius=4)], ids=["place", "area"])
def test_a_jump_is_in_most_doubt(other: torch.Tensor) -> None:
    frames = [disc(30, 40) for _ in range(12)]
    frames[5] = other
    doubt = measured(frames)
    assert doubt.jump is not None
    assert doubt.jump.argmax() == 5
    assert doubt.ranked(1) == [5]


def test_passes_that_disagree() -> None:
    frames = [disc(30, 40) for _ in range(6)]
    meter = DoubtMeter(Sigmoid(), "frames", range(6))
    meter.compare(1, 2 * frames[1], 2.0, frames[1])
    meter.compare(3, frames[3], 1.0, disc(30, 46))
    meter.compare(3, frames[3], 1.0, frames[3])  # the worst one counts
    meter.add(0, torch.stack(frames))
    doubt = meter.doubt()
    assert doubt.disagreement is not None
    assert doubt.disagreement[1] == pytest.approx(0)
    assert doubt.disagreement[3] > 0.1
    # Frames that were seen once have what lies between, so that being seen twice is no fault.
    assert doubt.disagreement[2] == pytest.approx(doubt.disagreement[3] / 2)
    assert doubt.ranked(1) == [3]


def test_softmax_is_the_same_as_sigmoid_for_one_class() -> None:
    frames = [disc(30, 30 + t) for t in range(4)]
    both = [torch.cat([1 - frame, frame]) for frame in frames]
    np.testing.assert_allclose(
        measured(frames).scores, measured(both, Softmax()).scores, rtol=1e-5, atol=1e-6
    )


def test_frames_in_any_portions_give_the_same_scores() -> None:
    frames = [disc(30, 30 + t, soft=1 + t / 3) for t in range(7)]
    one_by_one = DoubtMeter(Sigmoid(), "frames", range(7))
    for place, frame in enumerate(frames):
        one_by_one.add(place, frame[None])
    np.testing.assert_allclose(one_by_one.doubt().scores, measured(frames).scores, atol=1e-6)


def test_an_empty_frame_is_sure_where_the_network_is() -> None:
    nothing = torch.full((1, 64, 80), 1e-5)
    trace = torch.maximum(nothing, 0.45 * disc(30, 40))
    assert measured([nothing]).scores[0] < 0.05
    assert measured([trace]).scores[0] > 0.3
    assert measured([nothing]).jump is None
    assert measured([nothing]).disagreement is None
    assert measured([nothing, nothing]).scores.max() < 0.05


def test_frames_that_were_not_computed_are_not_listed() -> None:
    meter = DoubtMeter(Sigmoid(), "frames", range(10, 20))
    meter.add(10, torch.stack([disc(30, 40)] * 3))
    meter.add(15, torch.stack([disc(30, 40)] * 5))
    doubt = meter.doubt()
    assert np.isnan(doubt.scores[3:5]).all()
    assert np.isfinite(np.delete(doubt.scores, [3, 4])).all()
    assert sorted(doubt.ranked()) == [10, 11, 12, 15, 16, 17, 18, 19]


def test_neighbours_of_listed_frames_come_later() -> None:
    scores = np.linspace(0.2, 0.1, 100, dtype=np.float32)
    scores[40:44] = [0.8, 0.9, 0.85, 0.7]
    scores[80] = 0.6
    doubt = Doubt("frames", 0, scores)
    assert doubt.ranked(2) == [41, 80]
    assert sorted(doubt.ranked()) == list(range(100))
    few = Doubt("slices", 5, np.array([0.1, 0.9, 0.8], np.float32))
    assert few.ranked() == [6, 7, 5]


def test_it_pickles() -> None:
    doubt = measured([disc(30, 40)] * 3)
    again = pickle.loads(pickle.dumps(doubt))  # noqa: S301 - our own
    np.testing.assert_array_equal(again.scores, doubt.scores)
    assert again.ranked() == doubt.ranked()


@given(
    arrays(np.float32, st.integers(1, 30), elements=st.floats(0, 1, width=32)),
    st.sets(st.integers(-3, 35)),
    st.integers(0, 4),
)
def test_the_frame_worth_most_takes_most_doubt_away(
    scores: np.ndarray, known: set[int], first: int
) -> None:
    listed = Doubt("frames", first, scores).worth_correcting(4, known)
    frames = range(first, first + len(scores))
    assert len(listed) == len(set(listed)) == min(4, len(set(frames) - known))
    inside = known & set(frames)
    for frame in listed:

        def left(one: int, inside: set[int] = inside) -> float:
            nearest = (min(abs(n - m) for m in inside | {one}) for n in frames)
            return sum(float(s) * near for s, near in zip(scores, nearest, strict=True))

        if inside:
            best = min(left(one) for one in frames if one not in inside)
            assert left(frame) == pytest.approx(best, abs=1e-6)
        else:
            assert scores[frame - first] == scores.max()
        inside |= {frame}


def test_frames_without_a_score_are_not_worth_correcting() -> None:
    scores = np.array([np.nan, 0.3, 0.4, np.nan, 0.1], np.float32)
    assert Doubt("frames", 0, scores).worth_correcting(9) == [2, 1, 4]
    assert Doubt("frames", 0, np.full(3, np.nan, np.float32)).worth_correcting(2) == []
