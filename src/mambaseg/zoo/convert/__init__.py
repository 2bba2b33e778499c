"""Foreign checkpoints to our networks' names: one module per network."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from torch import Tensor, nn

from mambaseg.networks.log_vmamba import LoGVMamba2d, LoGVMamba3d
from mambaseg.networks.segmamba import SegMamba
from mambaseg.networks.vivim import Vivim
from mambaseg.networks.vm_unet_v2 import VMUNetV2
from mambaseg.types.errors import IncompatibleWeightsError
from mambaseg.zoo.convert import log_vmamba_2d, log_vmamba_3d, segmamba, vivim, vm_unet_v2
from mambaseg.zoo.convert.report import ConversionReport

__all__ = ["ConversionReport", "convert_state_dict", "fill"]

_FORMATS: dict[type[nn.Module], ModuleType] = {
    LoGVMamba2d: log_vmamba_2d,
    LoGVMamba3d: log_vmamba_3d,
    SegMamba: segmamba,
    Vivim: vivim,
    VMUNetV2: vm_unet_v2,
}

_PREFIXES = ("module.", "model.")


def _without_prefix(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Strip what data-parallel wrappers and Lightning put ahead of every key."""
    stripped = dict(state_dict)
    while prefix := next((p for p in _PREFIXES if all(k.startswith(p) for k in stripped)), None):
        stripped = {key.removeprefix(prefix): value for key, value in stripped.items()}
        if not stripped:
            break
    return stripped


def convert_state_dict(
    network: nn.Module, foreign_state_dict: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], ConversionReport]:
    """Convert a checkpoint of the authors' code to one of our networks.

    Parameters
    ----------
    network : Module
        The network to fill, built with fitting arguments. It is not changed.
    foreign_state_dict : mapping of str to Tensor
        The authors' keys, bare or with a `module.` or `model.` prefix.

    Returns
    -------
    state_dict : dict of str to Tensor
        Complete for `network`: keys that nothing filled keep its own values.
    report : ConversionReport
        What was matched, what was dropped and why, and what stays untrained.

    Raises
    ------
    IncompatibleWeightsError
        If the checkpoint is of another network, or a shape or key does not fit.
    """
    kind = type(network).__name__
    naming = _FORMATS.get(type(network))
    foreign = _without_prefix(foreign_state_dict)
    if naming is None or naming.FINGERPRINT not in foreign:
        raise IncompatibleWeightsError(
            f"These weights do not look like the authors' {kind}: "
            f"expected such keys as {getattr(naming, 'FINGERPRINT', '(none known)')!r}, "
            f"found {sorted(foreign)[:3]}. Choose the network that they were made for."
        )
    return fill(network, foreign, naming)


def fill(
    network: nn.Module,
    foreign: Mapping[str, Tensor],
    naming: ModuleType,
    *,
    partial: bool = False,
) -> tuple[dict[str, Tensor], ConversionReport]:
    """Convert weights by one format's names.

    Parameters
    ----------
    network : Module
        The network to fill. It is not changed.
    foreign : mapping of str to Tensor
        Foreign keys without prefix.
    naming : module
        With `DEAD` and `rename`, such as `mambaseg.zoo.convert.vivim`.
    partial : bool
        Whether weights that have no place are dropped; else they are refused.

    Returns
    -------
    state_dict, report
        As of `convert_state_dict`.

    Raises
    ------
    IncompatibleWeightsError
        If a shape or key does not fit.
    """
    kind = type(network).__name__
    ours = network.state_dict()
    converted: dict[str, Tensor] = {}
    matched: dict[str, str] = {}
    dropped: dict[str, str] = {}
    for key, value in foreign.items():
        name = naming.rename(key)
        if name not in ours:
            why = next((why for pattern, why in naming.DEAD if pattern.match(key)), None)
            if why is not None or partial:
                dropped[key] = why or f"no place in this {kind}"
                continue
            raise IncompatibleWeightsError(
                f"Weight {key!r} has no place in this {kind}: "
                "it was built with other arguments than the checkpoint (depths, edge head?)."
            )
        if value.shape != ours[name].shape:
            if partial:
                dropped[key] = f"of another shape than in this {kind}"
                continue
            raise IncompatibleWeightsError(
                f"Weight {key!r} has the shape {tuple(value.shape)}, but this {kind} needs "
                f"{tuple(ours[name].shape)}: build it with the checkpoint's widths and classes."
            )
        converted[name] = value
        matched[key] = name
    untrained = tuple(name for name in ours if name not in converted)
    return {**ours, **converted}, ConversionReport(matched, dropped, untrained)
