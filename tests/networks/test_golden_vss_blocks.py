"""SS2D, the VSS block and patch merging against the authors' numbers, fed their weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from golden import DTYPES, Golden, names
from mambaseg.networks.blocks.patches import PatchMerging
from mambaseg.networks.blocks.ss2d import SS2D
from mambaseg.networks.blocks.vss_block import VSSBlock
from mambaseg.zoo.convert.vmamba_blocks import rename_block


def check(block: nn.Module, golden: Golden, dtype: torch.dtype) -> None:
    """Compare output and all gradients; intermediates, where the fixture has them."""
    block.to(dtype)
    weights = golden.state_dict()
    block.load_state_dict({rename_block(key): value for key, value in weights.items()})
    captured: dict[str, Tensor] = {}
    for entry in golden.meta.get("intermediates", []):
        key = entry["module"]
        block.get_submodule(rename_block(f"{key}.").rstrip(".")).register_forward_hook(
            lambda module, inputs, output, key=key: captured.update({key: output})
        )
    x = golden.input(dtype)
    outputs = [block(x)]
    golden.check_outputs(outputs)
    for key, value in captured.items():
        golden.check_intermediate(key, value)
    golden.loss(outputs).backward()
    parameters = dict(block.named_parameters())
    golden.check_gradients(x, {key: parameters[rename_block(key)] for key in weights})


@DTYPES
@pytest.mark.parametrize("name", names("ops/ss2d_d*"))
def test_ss2d(name: str, dtype: torch.dtype) -> None:
    golden = Golden(name)
    check(SS2D(golden.meta["constructor"]["d_model"]), golden, dtype)


@DTYPES
@pytest.mark.parametrize("name", names("ops/vssblock_*"))
def test_vss_block(name: str, dtype: torch.dtype) -> None:
    golden = Golden(name)
    arguments = golden.meta["constructor"]
    dim = arguments["hidden_dim"]
    check(VSSBlock(dim, SS2D(dim), norm_eps=arguments["ln_eps"]), golden, dtype)


@DTYPES
@pytest.mark.parametrize("name", names("ops/patch_merging_*"))
def test_patch_merging(name: str, dtype: torch.dtype) -> None:
    golden = Golden(name)
    dim = golden.meta["constructor"]["dim"]
    check(PatchMerging(dim, 2 * dim), golden, dtype)
