"""Local and global tokens, their mixing, their scan in several directions, and windows."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mambaseg.networks.blocks.global_tokens import GlobalTokens, area_weights
from mambaseg.networks.blocks.local_global_scan import LocalGlobalScan, TokenOptions
from mambaseg.networks.blocks.local_tokens import with_neighbours
from mambaseg.networks.blocks.mixing import Mixing, mix, plan, separate
from mambaseg.networks.blocks.windows import extend_by_mirroring, in_windows, window_starts

MIXINGS: tuple[Mixing, ...] = ("head", "center", "split", "interleaved")
COUNTS = [
    *((1, 1), (2, 5), (64, 432), (256, 432), (1024, 216), (1024, 432), (64, 40), (512, 128)),
    *itertools.product((3, 7, 16, 33, 100), (1, 2, 5, 16, 40)),
]


def interleaved_by_position(n_locals: int, n_globals: int) -> list[str]:
    """Place by place, as the authors' rule has it: a global token at multiples of r + 1."""
    r = -(-n_locals // n_globals)
    total = n_locals + n_globals
    start = next(s for s in itertools.count(0, r + 1) if s >= n_globals - n_locals // r)
    excess = n_globals - len(range(start, total, r + 1))
    return ["G" if i < excess or (i >= start and i % (r + 1) == 0) else "X" for i in range(total)]


def by_position(mixing: Mixing, n_locals: int, n_globals: int) -> list[str]:
    g, x = ["G"] * n_globals, ["X"] * n_locals
    if mixing == "interleaved":
        return interleaved_by_position(n_locals, n_globals)
    half, first = n_locals // 2, n_globals // 2
    return {
        "head": g + x,
        "center": x[:half] + g + x[half:],
        "split": g[:first] + x[:half] + g[first:] + x[half:],
    }[mixing]


@pytest.mark.parametrize("mixing", MIXINGS)
def test_mixing_places_tokens_by_the_rule_and_gives_them_back(mixing: Mixing) -> None:
    for n_locals, n_globals in COUNTS:
        runs = plan(mixing, n_locals, n_globals)
        local = torch.arange(n_locals, dtype=torch.float32).view(1, -1, 1)
        summaries = -1 - torch.arange(n_globals, dtype=torch.float32).view(1, -1, 1)
        mixed = mix(summaries, local, runs)
        kinds = ["G" if value < 0 else "X" for value in mixed.flatten().tolist()]
        assert kinds == by_position(mixing, n_locals, n_globals), (n_locals, n_globals)
        assert torch.equal(mixed[mixed < 0], summaries.flatten())
        assert torch.equal(separate(mixed, runs), local)


@pytest.mark.parametrize("mixing", MIXINGS)
def test_a_reverse_sequence_has_its_globals_as_early(mixing: Mixing) -> None:
    for n_locals, n_globals in COUNTS:
        runs = plan(mixing, n_locals, n_globals)
        local, summaries = torch.randn(2, n_locals, 3), torch.randn(2, n_globals, 3)
        mixed = mix(summaries, local, runs, reverse=True)
        assert torch.equal(mixed.flip(1), mix(summaries, local.flip(1), runs))
        assert torch.equal(separate(mixed, runs, reverse=True), local)


@pytest.mark.parametrize("size", [(5, 4), (3, 4, 2)])
def test_neighbours(size: tuple[int, ...]) -> None:
    x = torch.randn(2, 3, *size)
    axes = len(size)
    kernel = torch.eye(3**axes).view(3**axes, 1, *[3] * axes).repeat(3, *[1] * (axes + 1))
    conv = F.conv2d if axes == 2 else F.conv3d
    expected = conv(x, kernel, padding=1, groups=3).movedim(1, -1)
    assert torch.equal(with_neighbours(x), expected)


@pytest.mark.parametrize(("old", "new"), [(4, 4), (4, 8), (4, 2), (4, 7), (7, 4), (1, 5), (5, 1)])
def test_area_weights_are_means(old: int, new: int) -> None:
    weights = area_weights(old, new, torch.empty(0, dtype=torch.float64))
    torch.testing.assert_close(weights.sum(1), torch.ones(old, dtype=torch.float64))
    torch.testing.assert_close(weights.sum(0), torch.full((new,), old / new, dtype=torch.float64))
    if new % old == 0:
        x = torch.randn(1, new, dtype=torch.float64)
        torch.testing.assert_close(x @ weights.T, F.adaptive_avg_pool1d(x, old))


@pytest.mark.parametrize(("grid", "enlarged"), [((4, 6), (8, 18)), ((4, 2, 2), (4, 4, 6))])
def test_resampled_tokens_of_an_enlarged_map_stay(
    grid: tuple[int, ...], enlarged: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    tokens = GlobalTokens(8, grid, stride=1, squeeze=2, resample=True)
    x = torch.randn(2, *grid, 8)
    other = x
    for axis, (a, b) in enumerate(zip(grid, enlarged, strict=True), start=1):
        other = other.repeat_interleave(b // a, dim=axis)
    torch.testing.assert_close(tokens(other), tokens(x), rtol=1e-4, atol=1e-6)
    tokens(torch.randn(1, *(side + 1 for side in grid), 8)).sum().backward()
    assert tokens.proj.weight.grad is not None


def reordered(x: Tensor, direction: int) -> Tensor:
    """Transpose or flip the grid of tokens (B, H, W, C), so that row-major is the direction."""
    if direction % 2:
        x = x.transpose(1, 2)
    return x.flip(1, 2) if direction >= 2 else x


def put_back(x: Tensor, direction: int) -> Tensor:
    if direction >= 2:
        x = x.flip(1, 2)
    return x.transpose(1, 2) if direction % 2 else x


@pytest.mark.parametrize("mixing", MIXINGS)
@pytest.mark.parametrize("directions", [1, 2, 4])
@pytest.mark.parametrize("global_tokens", [True, False])
def test_directions_are_explicit_flips_and_transposes(
    global_tokens: bool, directions: int, mixing: Mixing
) -> None:
    torch.manual_seed(0)
    options = TokenOptions(
        global_tokens=global_tokens, mixing=mixing, scan_directions=directions, expand=1
    )
    block = LocalGlobalScan(8, (6, 8), options, stride=2).double()
    tokens = torch.randn(2, 6, 8, block.scan.x_proj_weight.shape[-1], dtype=torch.float64)
    found = block._scanned(tokens).unflatten(1, (6, 8))

    expected = torch.zeros_like(tokens)
    for direction in range(directions):
        one = copy.deepcopy(block)
        one.directions = 1  # row-major, with the weights of this direction
        scan, chosen = one.scan, slice(direction, direction + 1)
        width = tokens.shape[-1]
        for name in ("x_proj_weight", "dt_proj_weight", "dt_proj_bias"):
            setattr(scan, name, torch.nn.Parameter(getattr(scan, name)[chosen]))
        for name in ("A_log", "D"):
            stacked = getattr(scan, name).unflatten(0, (-1, width))
            setattr(scan, name, torch.nn.Parameter(stacked[direction]))
        if block.global_tokens is not None:
            summaries = block.global_tokens(tokens)  # of the grid as it is

            class Fixed(torch.nn.Module):
                def forward(self, grid: Tensor, summaries: Tensor = summaries) -> Tensor:
                    return summaries

            one.global_tokens = Fixed()
        given = reordered(tokens, direction)
        y = one._scanned(given).unflatten(1, given.shape[1:3])
        expected += put_back(y, direction)
    torch.testing.assert_close(found, expected)


def test_the_second_direction_of_a_volume_runs_through_its_slices() -> None:
    torch.manual_seed(0)
    options = TokenOptions(global_tokens=False, scan_directions=2, expand=1)
    block = LocalGlobalScan(16, (4, 3, 2), options)
    x = torch.randn(1, 4, 3, 2, 27)
    changed = x.clone()
    changed[:, 1, 0, 0] += 1
    moved = (block._scanned(x) - block._scanned(changed)).abs().sum(-1).unflatten(1, (4, 3, 2))
    # Row-major reaches all later slices; the second direction all slices' later columns.
    untouched = (moved[0] == 0).nonzero().tolist()
    assert untouched == [[0, 0, 0]]


def test_windows_cover_evenly_and_overlap_by_half() -> None:
    assert window_starts(64, 64) == window_starts(20, 64) == [0]
    assert window_starts(65, 64) == [0, 1]
    assert window_starts(128, 64) == [0, 32, 64]
    for side in range(64, 400):
        starts = window_starts(side, 64)
        assert starts[-1] + 64 == side
        assert all(0 <= b - a <= 32 for a, b in itertools.pairwise(starts))


def test_mirroring_keeps_the_mean() -> None:
    x = torch.randn(1, 2, 5, 3)
    longer = extend_by_mirroring(x, (10, 12))
    assert longer.shape == (1, 2, 10, 12)
    torch.testing.assert_close(longer.mean((2, 3)), x.mean((2, 3)))
    torch.testing.assert_close(longer.var((2, 3), False), x.var((2, 3), False))
    assert torch.equal(longer[:, :, 5:, :3], x.flip(2))


@pytest.mark.parametrize("size", [(16, 16), (9, 30), (33, 70), (16, 17)])
def test_windows_of_a_pointwise_network_change_nothing(size: tuple[int, int]) -> None:
    def network(x: Tensor) -> list[Tensor]:
        assert x.shape[2:] == (16, 32)
        return [3 * x, torch.ones_like(x[..., ::4, ::4])]

    x = torch.randn(2, 3, *size, requires_grad=True)
    full, coarse = in_windows(network, x, (16, 32))
    torch.testing.assert_close(full, 3 * x)
    assert torch.equal(coarse, torch.ones(2, 3, -(-size[0] // 4), -(-size[1] // 4)))
    full.sum().backward()
    torch.testing.assert_close(x.grad, torch.full_like(x, 3))
