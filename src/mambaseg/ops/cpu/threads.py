"""The threads on which kernels run.

numba's own parallel layers would load a second OpenMP library beside torch's, and start threads
that do not survive a fork. This is an ordinary pool; a forked child starts its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

__all__ = ["run_all"]

_pool: ThreadPoolExecutor | None = None


def _forget_pool() -> None:
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def _workers() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        size = max(os.cpu_count() or 1, torch.get_num_threads())
        _pool = ThreadPoolExecutor(size, thread_name_prefix="mambaseg-scan")
    return _pool


def _work(tasks: Iterator[Callable[[], None]]) -> None:
    for task in tasks:
        task()


def run_all(tasks: Sequence[Callable[[], None]]) -> None:
    """Run tasks on at most `torch.get_num_threads()` threads, the caller's among them."""
    threads = min(len(tasks), torch.get_num_threads())
    queue = iter(tasks)  # whoever is free takes the next one
    helpers = [_workers().submit(_work, queue) for _ in range(threads - 1)]
    _work(queue)
    for helper in helpers:
        helper.result()
