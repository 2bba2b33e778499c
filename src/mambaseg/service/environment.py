"""How the process that computes is started: its command and its environment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from mambaseg.service.limits import parse_size
from mambaseg.types.errors import InvalidOptionError

__all__ = ["LIMIT", "NO_MEMORY", "SCRATCH", "chosen_limit", "make_scratch", "start"]

SCRATCH = "MAMBASEG_SCRATCH"
"""Names the folder for temporary files of the process; set for it alone."""

LIMIT = "MAMBASEG_SERVICE_LIMIT"
"""How many bytes it may hold; set for it alone."""

NO_MEMORY = 112
"""What it ends with where there is no memory even to listen."""

_USERS_LIMIT = "MAMBASEG_MEMORY_LIMIT"


def chosen_limit() -> int | None:
    """Give the user's limit of memory in bytes, if the environment variable sets one.

    Raises
    ------
    InvalidOptionError
        If it is not a size.
    """
    text = os.environ.get(_USERS_LIMIT, "").strip()
    if not text:
        return None
    try:
        return parse_size(text)
    except ValueError as error:
        raise InvalidOptionError(
            f"The environment variable {_USERS_LIMIT} is {text!r}, but a size such as '6 GB' was "
            "expected: set it to one, or unset it."
        ) from error


def make_scratch() -> Path:
    """Make a folder for what the process leaves behind if it is killed."""
    return Path(tempfile.mkdtemp(prefix="mambaseg-service-"))


def start(scratch: Path, limit: int | None) -> tuple[subprocess.Popen[bytes], BinaryIO, BinaryIO]:
    """Start the process; never by a fork, which would copy the viewer's threads' locks.

    Returns
    -------
    process : Popen
    source, target : binary file
        What it says, and where it listens.
    """
    paths = [path for path in sys.path if path]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OPENBLAS_NUM_THREADS": "1",  # its threads map room that counts under the limit
        **{name: str(scratch) for name in (SCRATCH, "TMPDIR", "TEMP", "TMP")},
        LIMIT: "" if limit is None else str(limit),
    }
    # A window of its own would open for it on Windows.
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    process = subprocess.Popen(
        # -P: a torch.py where the viewer was started is not torch.
        [sys.executable, "-P", "-m", "mambaseg.service.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if sys.stderr is not None else subprocess.DEVNULL,
        env=environment,
        creationflags=flags,
    )
    return process, cast(BinaryIO, process.stdout), cast(BinaryIO, process.stdin)
