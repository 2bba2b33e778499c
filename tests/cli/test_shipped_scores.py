"""The scores in a shipped model's card are those that `mambaseg evaluate` measures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from shipped_scores import measured

from mambaseg.zoo import load_model

NUMBER = re.compile(r"\d+\.\d+")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vm_unet_v2-nerve-vessel", "vivim-nerve-vessel"])
def test_a_card_says_what_evaluate_measures(shared: Path, name: str) -> None:
    said = load_model(name).card.scores
    lines = measured(name, shared / "data")
    assert len(lines) == len(said) == 2
    for (_, of, n, dice, interval), (title, value) in zip(lines, said.items(), strict=True):
        assert title.startswith(f"{of}: mean Dice on {n} held-out images (95 % interval ")
        # Processors round otherwise, which turns a few pixels.
        assert value == pytest.approx(float(dice), abs=0.002)
        ends = [[float(one) for one in NUMBER.findall(text)] for text in (title, interval)]
        assert ends[0] == pytest.approx(ends[1], abs=0.004)
