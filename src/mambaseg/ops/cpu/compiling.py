"""How numba compiles the kernels, and where it keeps the machine code."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import platformdirs

__all__ = ["cache_folder", "inline", "kernel"]

_log = logging.getLogger(__name__)

# Contraction alone: a multiplication and an addition may fuse, but nothing may be reordered.
# Rounding by adding a large number (see `exp2`) must stay, and NaN must stay NaN.
_OPTIONS = {"fastmath": {"contract"}, "error_model": "numpy"}

# Held across a fork, so that no child inherits a compilation that stands still for ever.
_compiling = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_compiling.acquire,
        after_in_parent=_compiling.release,
        after_in_child=_compiling.release,
    )


def inline(function: Callable[..., Any]) -> Any:
    """Compile a function that stands inside of kernels."""
    return numba.njit(function, forceinline=True, **_OPTIONS)


@functools.cache
def cache_folder() -> Path:
    """Folder of what was compiled from exactly these sources; it may not exist.

    numba looks only at the file that defines a kernel. The digest is of all.
    """
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    root = platformdirs.user_cache_path("mambaseg", appauthor=False)
    return root / "scan" / digest.hexdigest()[:16]


def kernel(signature: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Compile a kernel at its first call, for one signature; it runs without the GIL."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        compiled: list[Any] = []

        @functools.wraps(function)
        def call(*arguments: Any) -> None:
            if not compiled:
                with _compiling:
                    if not compiled:
                        compiled.append(_compile(function, signature))
            compiled[0](*arguments)

        return call

    return decorate


def _compile(function: Callable[..., None], signature: Any) -> Any:
    theirs = numba.config.CACHE_DIR
    try:
        numba.config.CACHE_DIR = theirs or str(cache_folder())
        return numba.njit(signature, cache=True, nogil=True, **_OPTIONS)(function)
    except Exception as error:  # a folder that cannot be written, a broken file in it
        _log.info("compiling %s without a cache: %s", function.__name__, error)
        return numba.njit(signature, nogil=True, **_OPTIONS)(function)
    finally:
        numba.config.CACHE_DIR = theirs
