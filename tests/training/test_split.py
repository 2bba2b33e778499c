"""Held-out frames: contiguous, and apart from those that train."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mambaseg.training import propose_held_out, split_frames
from mambaseg.types.errors import TrainingError


@pytest.mark.parametrize(
    ("verified", "expected"),
    [
        ({"a": [0, 22, 45, 68, 90]}, {"a": (90,)}),
        ({"a": range(30)}, {"a": (24, 25, 26, 27, 28, 29)}),
        ({"a": [0, 10]}, {"a": (10,)}),
        ({"a": [7]}, {}),
        ({"a": [7, 8]}, {}),
        ({}, {}),
        ({"a": [5], "b": [5], "c": [5]}, {"c": (5,)}),
        ({"a": [0, 9, 18, 27, 36], "b": [0, 9, 18, 27, 36]}, {"b": (27, 36)}),
        ({"a": [0, 9, 18, 27, 36], "b": [0, 9], "c": [0, 9, 18]}, {"b": (0, 9)}),
        ({"a": [0, 9, 18], "b": [0], "c": [3], "d": [0, 9, 18, 27, 36]}, {"b": (0,), "c": (3,)}),
    ],
)
def test_proposals(verified: dict[str, list[int]], expected: dict[str, tuple[int, ...]]) -> None:
    assert propose_held_out(verified) == expected


@pytest.mark.parametrize(
    ("verified", "learnt", "expected"),
    [
        (  # fewer than a fifth, but unknown; A as a whole would be the smallest recording
            {"a": [2, 8, 14, 20, 26], "b": range(0, 40, 4), "c": range(0, 40, 4)},
            {"a": [2, 8, 14, 20]},
            {"c": (20, 24, 28, 32, 36)},
        ),
        ({"a": [2, 8, 14, 20, 26, 32]}, {"a": [2, 8, 14, 20]}, {"a": (32,)}),
        ({"a": range(0, 60, 6)}, {"a": range(6, 60, 6)}, {"a": (0,)}),
        ({"a": [0, 9, 18], "b": [0, 9], "c": [0, 9, 18, 27, 36]}, {"b": [0, 9]}, {"a": (0, 9, 18)}),
        ({"a": [0, 9, 18], "b": [0, 9]}, {"b": [1], "c": [5]}, {"b": (9,)}),  # 0 is next to 1
        ({"a": [0, 9, 18, 27, 36]}, {"a": [0, 9, 18, 27, 36]}, {"a": (36,)}),  # there is no other
    ],
)
def test_what_the_model_knows_is_not_held_out_where_there_is_other(
    verified: dict[str, list[int]],
    learnt: dict[str, list[int]],
    expected: dict[str, tuple[int, ...]],
) -> None:
    assert propose_held_out(verified, learnt=learnt) == expected


_VERIFIED = st.dictionaries(
    st.sampled_from("abc"), st.sets(st.integers(0, 60), min_size=1, max_size=20), max_size=3
)


@given(_VERIFIED, st.integers(0, 4))
def test_what_every_proposal_keeps(verified: dict[str, set[int]], margin: int) -> None:
    held = propose_held_out(verified, margin=margin)
    split = split_frames(verified, held, margin=margin)
    total = sum(map(len, verified.values()))
    for case, frames in verified.items():
        parts = [
            getattr(split, part).get(case, ()) for part in ("training", "held_out", "left_out")
        ]
        assert sorted(sum(parts, ())) == sorted(frames)
        assert all(abs(a - b) > margin for a in parts[0] for b in parts[1])
    count = max(1, round(total / 5))
    if all(set(frames) == set(verified[case]) for case, frames in held.items()):
        assert not held or count <= split.n_held_out <= max(count, total / 3)
    else:
        ordered = [(case, frame) for case in sorted(verified) for frame in sorted(verified[case])]
        places = [i for i, (case, frame) in enumerate(ordered) if frame in held.get(case, ())]
        assert places == list(range(places[0], places[-1] + 1))
        assert split.n_held_out == count
    if held:
        assert split.n_training >= 1
    if total > 1 and len(verified) > 1:
        assert held


def test_frames_to_hold_out_must_be_verified() -> None:
    with pytest.raises(TrainingError, match=r"Frames \[3\] of 'a' cannot be held out.*\[1, 9\]"):
        split_frames({"a": [1, 9]}, {"a": [3]})
    with pytest.raises(TrainingError, match="of 'b' cannot be held out"):
        split_frames({"a": [1, 9]}, {"b": [3]})


def test_neighbours_of_held_out_frames_do_not_train() -> None:
    split = split_frames({"a": [1, 4, 5, 6, 9]}, {"a": [5]}, margin=2)
    assert (split.training, split.held_out, split.left_out) == (
        {"a": (1, 9)},
        {"a": (5,)},
        {"a": (4, 6)},
    )
