"""What a run saves of itself: one moment of it, whoever reads meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from mambaseg.training.run_state import Standing, load_state, save_state


def _save(path: Path, step: int) -> None:
    network = nn.Linear(2, 2)
    nn.init.constant_(network.weight, step)
    save_state(path, Standing(step=step), network, None)


def test_what_is_saved_while_it_is_read_does_not_mix_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.safetensors"
    _save(path, 1)
    opens = torch.UntypedStorage.from_file

    def saved_before(*args: object, **kwargs: object) -> torch.UntypedStorage:
        _save(path, 1000)
        return opens(*args, **kwargs)

    # By which safetensors would open the file a second time.
    monkeypatch.setattr(torch.UntypedStorage, "from_file", saved_before)
    state, weights, moments, average = load_state(path, Standing)
    assert state.step == 1
    assert torch.equal(weights["weight"], torch.ones(2, 2))
    assert not moments
    assert not average
