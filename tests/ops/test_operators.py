"""What torch asks of operators: opcheck, compilation, export."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scans import ON_CPU
from torch import Tensor, nn

from mambaseg.networks.blocks.bimamba import BiMamba
from mambaseg.ops.backends import load

BACKENDS = pytest.mark.parametrize("backend", ON_CPU)


def scan_arguments(*, optional: bool) -> list[Any]:
    batch, length, width, groups, states = 2, 70, 20, 2, 5

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape).requires_grad_()

    def tokens(*shape: int) -> list[Tensor]:
        return [normal(batch, length, *shape) for _ in range(2)]

    A = (-torch.rand(2, width, states)).requires_grad_()
    extra = [normal(2, width), normal(batch, length, width), normal(2, width)]
    return [
        *(tokens(width), tokens(width), A, tokens(groups, states), tokens(groups, states)),
        *(extra if optional else [None] * 3),
        *(True, [1, 10], [True, False]),
    ]


@BACKENDS
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("optional", [True, False])
def test_opcheck_of_the_scan(backend: str, keep: bool, optional: bool) -> None:
    torch.library.opcheck(load(backend).scan, (*scan_arguments(optional=optional), keep))


@BACKENDS
def test_opcheck_of_the_convolution(backend: str) -> None:
    x, weight, bias = (torch.randn(s).requires_grad_() for s in ((2, 30, 20), (20, 4), (20,)))
    torch.library.opcheck(load(backend).conv, (x, weight, bias, 5, True))


@BACKENDS
def test_gradients_do_not_need_kept_states(backend: str) -> None:
    arguments = scan_arguments(optional=True)
    leaves = [x for given in arguments[:8] for x in (given if isinstance(given, list) else [given])]
    results = []
    for keep in (True, False):
        y, _ = load(backend).scan(*arguments, keep)
        results.append(torch.autograd.grad(y.square().sum(), leaves))
    torch.testing.assert_close(*results, rtol=0, atol=0)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mamba = BiMamba(16, average=True)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.mamba(tokens, 5)


@pytest.fixture
def block() -> Block:
    torch.manual_seed(0)
    return Block()


def test_compile_a_mamba_block(block: Block) -> None:
    x = torch.randn(2, 60, 16)
    expected = block(x)
    expected_grads = torch.autograd.grad(expected.square().sum(), list(block.parameters()))
    compiled = torch.compile(block, fullgraph=True, backend="aot_eager")
    y = compiled(x)
    torch.testing.assert_close(y, expected)
    grads = torch.autograd.grad(y.square().sum(), list(block.parameters()))
    torch.testing.assert_close(grads, expected_grads)


@pytest.mark.slow
def test_compile_a_mamba_block_to_machine_code(block: Block) -> None:
    x = torch.randn(2, 60, 16)
    compiled = torch.compile(block, fullgraph=True)
    torch.testing.assert_close(compiled(x), block(x))
    compiled(x).sum().backward()


@pytest.mark.parametrize("strict", [True, False])
def test_export_a_mamba_block(block: Block, strict: bool) -> None:
    x = torch.randn(2, 60, 16)
    exported = torch.export.export(block.eval(), (x,), strict=strict)
    torch.testing.assert_close(exported.module()(x), block(x))
