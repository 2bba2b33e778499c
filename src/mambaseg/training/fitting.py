"""Lightning's loop over endless samples, on one device or many."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch.utils.data import DataLoader, Dataset, Sampler

from mambaseg.training.module import SegmentationModule
from mambaseg.training.supervision import Supervision
from mambaseg.types.errors import TrainingError
from mambaseg.types.optimization import Batches

__all__ = ["ACCELERATORS", "ENDLESS", "fit", "processes"]

ACCELERATORS = ("cuda", "mps", "cpu")
"""Types of devices on which Lightning trains."""

ENDLESS = 2**31
"""Number of samples of a training set that has no end."""

_MOST_WORKERS = 8


def processes() -> tuple[int, int]:
    """Rank of this process, and how many train together, as torchrun or SLURM says."""
    for environment in (TorchElasticEnvironment, SLURMEnvironment):
        if environment.detect():
            here = environment()
            return here.global_rank(), here.world_size()
    return 0, 1


class _EveryNth(Sampler[int]):
    """Sample numbers without end: those of one process, from where the run stands."""

    def __init__(self, first: int, rank: int, world: int) -> None:
        self.first, self.rank, self.world = first, rank, world

    def __iter__(self) -> Iterator[int]:
        return count(self.first + self.rank, self.world)


class _Ahead:
    """Batches without end, each made in a thread while the one before it trains."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self._batches)
        with ThreadPoolExecutor(1, thread_name_prefix="mambaseg-samples") as pool:
            coming = pool.submit(next, batches)
            while True:
                batch, coming = coming.result(), pool.submit(next, batches)
                yield batch


def fit(
    module: SegmentationModule,
    samples: Dataset[Any],
    supervision: Supervision[Any],
    *,
    batches: Batches,
    device: torch.device,
    deterministic: bool = False,
) -> None:
    """Train until the supervision ends it.

    Parameters
    ----------
    module : SegmentationModule
    samples : Dataset
        Of `ENDLESS` samples, each the same for the same number; a run that goes on takes them
        up where it stood, and processes that train together divide them among them.
    supervision : Supervision
    batches : Batches
    device : torch.device
    deterministic : bool

    Raises
    ------
    TrainingError
        If a batch cannot be divided as asked for, or the training diverges.
    """
    rank, world = processes()
    at_once = (
        min(batches.at_once or batches.size, batches.size)
        if world == 1
        else (batches.at_once or max(batches.size // world, 1))
    )
    pieces, rest = divmod(batches.size, at_once * world)
    if rest or not pieces:
        raise TrainingError(
            f"A batch of {batches.size} samples cannot be divided among {world} processes that "
            f"see {at_once} at once: mend size or at_once in batches."
        )
    workers = 0 if device.type == "cpu" else min(_MOST_WORKERS, (os.cpu_count() or 1) // 2)
    loader = DataLoader(
        samples,
        batch_size=at_once,
        sampler=_EveryNth(supervision.state.step * batches.size, rank, world),
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
    )
    o = module.optimization
    trainer = lightning.Trainer(
        accelerator=device.type,
        devices=_devices(device, world),
        num_nodes=max(world // _local(world), 1),
        strategy="auto" if world == 1 else "ddp_find_unused_parameters_true",
        sync_batchnorm=world > 1 and device.type == "cuda",
        use_distributed_sampler=False,
        max_epochs=1,
        accumulate_grad_batches=pieces,
        gradient_clip_val=o.gradient_clip,
        precision="bf16-mixed" if o.precision == "bf16" else "32-true",
        deterministic=deterministic or None,
        callbacks=[supervision],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    module.train()
    with warnings.catch_warnings():
        for text in ("LeafSpec", "find_unused_parameters"):
            warnings.filterwarnings("ignore", f".*{text}.*")
        try:
            trainer.fit(module, loader if workers else _Ahead(loader))
        except SystemExit as error:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from error


def _local(world: int) -> int:
    """Give the number of processes on this machine."""
    per_node = os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("SLURM_NTASKS_PER_NODE")
    return int(per_node) if world > 1 and per_node else world


def _devices(device: torch.device, world: int) -> int | list[int]:
    if world > 1:
        return _local(world)
    return 1 if device.index is None else [device.index]
