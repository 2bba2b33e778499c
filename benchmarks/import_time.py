"""Measure what `import mambaseg` costs: the median of several fresh interpreters.

Run ``python benchmarks/import_time.py [RUNS]``. Ends with 1 when over the limit.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from record import record

LIMIT_S = 0.1


def import_seconds(module: str) -> float:
    """Seconds that importing a module takes in a fresh interpreter, by its own count."""
    report = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    # import time: <self, microseconds> | <with all it imports, microseconds> | <module>
    rows = (line.split("|") for line in report.splitlines() if line.count("|") == 2)
    return next(int(total) / 1e6 for _, total, name in rows if name.strip() == module)


def main() -> int:
    """Record the median and say whether it keeps the limit."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    median = statistics.median(import_seconds("mambaseg") for _ in range(runs))
    record(
        "Importing the package",
        "python benchmarks/import_time.py",
        f"`import mambaseg`: {median:.3f} s, the median of {runs}; the limit is {LIMIT_S} s.",
    )
    return int(median > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
