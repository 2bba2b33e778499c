"""Opens files in a process of its own, with limits, and says what became of each.

python fuzzing.py FILE...  prints a line of JSON for each file: its name, the error's class or "",
the sentence, seconds and the process's peak of memory in MiB so far, less what it began with.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

LIMIT_BYTES = 2**30


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def open_whole(path: Path) -> None:
    """Read all that a program would: header, and every plane."""
    from mambaseg.data import open_image, read_image

    open_image(path)
    image = read_image(path)
    if image.axes == "CTYX":
        for frame in range(image.n_frames):
            np.asarray(image.array[:, frame])
    else:
        np.asarray(image.array)


def main(paths: list[str]) -> None:
    # What every process that opens files has loaded, so that it is no part of a file's share.
    import av  # noqa: F401
    import pydicom  # noqa: F401
    import SimpleITK  # noqa: F401

    from mambaseg.types.errors import MambasegError

    start = peak()
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + LIMIT_BYTES, mapped + LIMIT_BYTES))
    for path in paths:
        began, error, sentence = time.monotonic(), "", ""
        sys.stdout.write(f"{path}\t")
        sys.stdout.flush()
        try:
            open_whole(Path(path))
        except MambasegError as caught:
            error, sentence = "ours", str(caught)
        except BaseException as caught:
            error, sentence = type(caught).__name__, str(caught)[:300]
        told = {
            "error": error,
            "sentence": sentence,
            "seconds": time.monotonic() - began,
            "mib": (peak() - start) / 2**20,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
