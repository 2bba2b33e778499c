"""The 2D scan's directions, each against images that are flipped and transposed by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mambaseg.networks.blocks.ss2d import SS2D, image_orders
from mambaseg.networks.blocks.state_spaces import StateSpaces
from mambaseg.ops import NATURAL

SIZE = (5, 7)

READINGS = {
    0: lambda image: image.flatten(1, 2),
    1: lambda image: image.transpose(1, 2).flatten(1, 2),
    2: lambda image: image.flatten(1, 2).flip(1),
    3: lambda image: image.transpose(1, 2).flatten(1, 2).flip(1),
}
"""Direction to the sequence that it scans, of an image (B, H, W, C)."""


def put_back(direction: int, y: Tensor) -> Tensor:
    height, width = SIZE
    if direction >= 2:
        y = y.flip(1)
    if direction % 2:
        return y.unflatten(1, (width, height)).transpose(1, 2)
    return y.unflatten(1, (height, width))


@pytest.fixture
def spaces() -> StateSpaces:
    torch.manual_seed(0)
    return StateSpaces(12, 2, 4, state_size=4).double()


@pytest.mark.parametrize("directions", [1, 2, 4])
def test_directions_are_flips_and_transposes_summed(spaces: StateSpaces, directions: int) -> None:
    image = torch.randn(2, *SIZE, 12, dtype=torch.float64)
    y = spaces(image.flatten(1, 2), image_orders(SIZE[0], directions)).unflatten(1, SIZE)
    expected = torch.zeros_like(y)
    for k in range(directions):
        sequence = READINGS[k](image).contiguous()
        expected += put_back(k, spaces(sequence, [NATURAL], first=k))
    torch.testing.assert_close(y, expected)


@pytest.mark.parametrize("directions", [1, 2, 4])
def test_ss2d_has_as_many_state_spaces_as_directions(directions: int) -> None:
    block = SS2D(8, scan_directions=directions, state_size=4, expand=1)
    assert block.scan.x_proj_weight.shape == (directions, 1 + 2 * 4, 8)
    assert block(torch.randn(1, 3, 4, 8)).shape == (1, 3, 4, 8)


def test_one_direction_sees_only_what_comes_before() -> None:
    block = SS2D(8, scan_directions=1, conv_size=1)
    image = torch.randn(1, 4, 4, 8)
    changed = image.clone()
    changed[:, 2, 1] += 1
    same = torch.isclose(block(image), block(changed), rtol=0, atol=1e-7).all(-1)[0].flatten()
    assert same[: 2 * 4 + 1].all()
    assert not same[2 * 4 + 1 :].any()


@pytest.mark.parametrize("directions", [0, 3, 8])
def test_other_numbers_of_directions_are_refused(directions: int) -> None:
    with pytest.raises(ValueError, match=f"scan_directions must be 1, 2 or 4; got {directions}"):
        SS2D(8, scan_directions=directions)
