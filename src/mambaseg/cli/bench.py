"""Measure how fast each model is on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

__all__ = ["add_arguments", "run"]

_COLUMNS = ("model", "speed", "peak memory", "scan backend", "precision", "device", "input")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    parser.add_argument(
        "model",
        nargs="*",
        help="names from `mambaseg models`, or .safetensors files (default: all models)",
    )
    parser.add_argument(
        "--device",
        default="auto",
        help='"auto", "cpu", "cuda", "cuda:1", "xpu", "mps" (default: auto)',
    )
    parser.add_argument("--json", type=Path, help="write the figures to this JSON file too")


def run(arguments: argparse.Namespace) -> None:
    """Measure the models one after another, each in a process of its own, and print a table."""
    import json

    from mambaseg.cli.benching import measured
    from mambaseg.files import check_writable_file, write_whole
    from mambaseg.inference.devices import resolve_device
    from mambaseg.types.errors import MambasegError
    from mambaseg.zoo import list_models, load_model

    resolve_device(arguments.device)
    if arguments.json is not None:
        check_writable_file(arguments.json)
    wanted = arguments.model
    models = [load_model(name) for name in wanted] if wanted else list_models()
    rows: list[dict[str, Any]] = []
    for model in models:
        print(f"measuring {model.name} ...", flush=True)
        try:
            rows.append(measured(model, arguments.device))
        except MambasegError as error:
            if wanted:
                raise
            print(f"note: {error}")
    lines = [_COLUMNS, *([str(cell) for cell in _cells(row)] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_COLUMNS))]
    for line in lines:
        print("  ".join(cell.ljust(n) for cell, n in zip(line, widths, strict=True)).rstrip())
    if arguments.json is not None:
        with write_whole(arguments.json) as temporary:
            content = {"format_version": 1, "models": rows}
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {arguments.json}")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    memory = row["peak_memory_mib"]
    return (
        row["model"],
        f"{row['per_second']:.3g} {row['unit']}/s",
        "unknown" if memory is None else f"{memory:.0f} MiB",
        row["backend"],
        row["precision"],
        row["device"],
        row["input"],
    )
