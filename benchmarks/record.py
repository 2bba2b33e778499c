"""Where figures go: each benchmark owns one section of RESULTS.md, and writes it anew."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
HEADING = "## "


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a Markdown table whose first column is text, the others figures."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def record(title: str, command: str, text: str) -> None:
    """Print a benchmark's figures, and put them in its section, with the machine and versions."""
    section = f"{HEADING}{title}\n\n`{command}`, {_where()}\n\n{text.strip()}\n"
    print(section)
    head, *sections = ("\n" + RESULTS.read_text(encoding="utf-8")).split("\n" + HEADING)
    named = {part.partition("\n")[0]: HEADING + part for part in sections}
    named[title] = section
    body = "\n\n".join(part.strip() for part in (head, *named.values()))
    RESULTS.write_text(body + "\n", encoding="utf-8")


def _where() -> str:
    packages = []
    for name in ("torch", "numba", "numpy"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    today = datetime.date.today().isoformat()
    parts = [today, _processor(), f"{os.cpu_count()} processors", platform.system()]
    return ", ".join([*parts, f"Python {platform.python_version()}", *packages])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
