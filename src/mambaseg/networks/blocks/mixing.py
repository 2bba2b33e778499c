"""How global tokens are placed among local ones ahead of a scan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

__all__ = ["Mixing", "Run", "check_mixing", "mix", "plan", "separate"]

Mixing = Literal["head", "center", "split", "interleaved"]


class Run(NamedTuple):
    """A few global tokens and the local ones behind them, `times` in a row."""

    n_globals: int
    n_locals: int
    times: int = 1


def check_mixing(mixing: str) -> None:
    """Raise a ValueError if there is no such mixing."""
    if mixing not in get_args(Mixing):
        raise ValueError(f"mixing must be one of {list(get_args(Mixing))}; got {mixing!r}.")


def plan(mixing: Mixing, n_locals: int, n_globals: int) -> tuple[Run, ...]:
    """Say in which runs the two kinds of tokens follow each other.

    LoG-VMamba (arXiv 2408.14415), section 3.3. "head": all global tokens first; "center": in
    the middle of the local ones; "split": half of them ahead of each half of the local ones;
    "interleaved": one ahead of every ceil(L / M) local ones, and those that find no place so at
    the very beginning. What is halved and odd has the larger half last. The runs of
    "interleaved" lie on multiples of a fixed period, as in the authors' code, wherefore the
    first may be shorter.

    Parameters
    ----------
    mixing : {"head", "center", "split", "interleaved"}
    n_locals, n_globals : int
        L and M, both at least 1.
    """
    if mixing == "head":
        return (Run(n_globals, n_locals),)
    half = n_locals // 2
    if mixing == "center":
        return Run(0, half), Run(n_globals, n_locals - half)
    if mixing == "split":
        first = n_globals // 2
        return Run(first, half), Run(n_globals - first, n_locals - half)
    behind_each = -(-n_locals // n_globals)
    period = behind_each + 1
    start = -(-(n_globals - n_locals // behind_each) // period) * period
    whole, rest = divmod(n_locals + n_globals - start, period)
    excess = n_globals - whole - (rest > 0)
    runs = (
        Run(excess, start - excess),
        Run(1, behind_each, whole),
        Run(1, rest - 1, int(rest > 0)),
    )
    return tuple(run for run in runs if run.times)


def mix(
    global_tokens: Tensor, local_tokens: Tensor, runs: Sequence[Run], *, reverse: bool = False
) -> Tensor:
    """Put global tokens among local ones.

    Parameters
    ----------
    global_tokens : Tensor, shape (B, M, S)
    local_tokens : Tensor, shape (B, L, S)
    runs : sequence of Run
    reverse : bool
        Whether the sequence is to be scanned from its end. Read so, it is the mixture of the
        same global tokens, in the same order and at the same places, with the local tokens in
        reverse; these need no flip for it.

    Returns
    -------
    Tensor, shape (B, M + L, S)
    """
    if reverse:
        global_tokens = global_tokens.flip(1)
    split = [run.n_globals * run.times for run in _as_stored(runs, reverse)]
    of_globals = global_tokens.split(split, dim=1)
    split = [run.n_locals * run.times for run in _as_stored(runs, reverse)]
    of_locals = local_tokens.split(split, dim=1)
    mixed = []
    for run, a, b in zip(_as_stored(runs, reverse), of_globals, of_locals, strict=True):
        if run.times > 1:
            a = a.unflatten(1, (run.times, run.n_globals))
            b = b.unflatten(1, (run.times, run.n_locals))
        pair = torch.cat((b, a) if reverse else (a, b), dim=-2)
        mixed.append(pair.flatten(1, 2) if run.times > 1 else pair)
    return torch.cat(mixed, dim=1) if len(mixed) > 1 else mixed[0]


def separate(mixed: Tensor, runs: Sequence[Run], *, reverse: bool = False) -> Tensor:
    """Give back the local tokens (B, L, S) of what `mix` made with the same arguments."""
    stored = list(_as_stored(runs, reverse))
    sizes = [(run.n_globals + run.n_locals) * run.times for run in stored]
    parts = []
    for run, part in zip(stored, mixed.split(sizes, dim=1), strict=True):
        if run.times > 1:
            part = part.unflatten(1, (run.times, -1))
        part = part.narrow(-2, 0 if reverse else run.n_globals, run.n_locals)
        parts.append(part.flatten(1, 2) if run.times > 1 else part)
    return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


def _as_stored(runs: Sequence[Run], reverse: bool) -> Iterator[Run]:
    return reversed(runs) if reverse else iter(runs)
