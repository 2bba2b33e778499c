"""What every run does around its training: the folder's lock, and a last word if it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import torch

from mambaseg.inference.devices import describe_device
from mambaseg.training.events import Failed
from mambaseg.training.run import Run
from mambaseg.types.errors import MambasegError, OutOfMemoryError

__all__ = ["attempt"]


@contextmanager
def attempt(
    home: Run,
    tell: Callable[[Any], None],
    device: torch.device,
    *,
    leads: bool = True,
) -> Iterator[None]:
    """Hold a run's folder while it trains, and tell in its events why it could not go on.

    Parameters
    ----------
    home : Run
    tell : callable
        Takes `Failed`.
    device : torch.device
    leads : bool
        Whether this process is the one, of those that train together, that writes and speaks.

    Raises
    ------
    OutOfMemoryError
        If the memory does not suffice.
    MambasegError
        As raised within.
    """

    def fail(message: str) -> None:
        if leads:
            with suppress(MambasegError):  # the same full disk, for example
                tell(Failed(message=message))

    with home.running() if leads else nullcontext():
        try:
            yield
        except MambasegError as error:
            fail(str(error))
            raise
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                fail(f"Unexpected {type(error).__name__}: {error}. This is a fault in mambaseg.")
                raise
            # Data are read into the computer's own, wherever the network is.
            whose = "this computer" if isinstance(error, MemoryError) else describe_device(device)
            message = (
                f"The memory of {whose} did not suffice. Close other programs and go on with the "
                "run, take fewer samples at once, a smaller size or fewer cases, or use another "
                "device."
            )
            fail(message)
            raise OutOfMemoryError(message) from error
        except Exception as error:
            fail(f"Unexpected {type(error).__name__}: {error}. This is a fault in mambaseg.")
            raise


def _is_out_of_memory(error: Exception) -> bool:
    # On the CPU torch raises a plain RuntimeError, told by its text alone.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error) for words in ("allocate memory", "out of memory")
    )
