"""Train a model from a configuration file."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    parser.add_argument("config", type=Path, help="a training configuration (YAML)")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="the .safetensors file to write"
    )
    parser.add_argument(
        "--device", default="auto", help='"auto", "cpu", "cuda", "mps" (default: auto)'
    )


def run(arguments: argparse.Namespace) -> None:
    """Train, and print the scores on held-out data."""
    import logging

    from mambaseg.training import read_config, train

    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)  # its hardware list and tips
    model = train(
        read_config(arguments.config),
        arguments.output,
        folder=arguments.config.parent,
        device=arguments.device,
    )
    for name, value in model.card.scores.items():
        print(f"{name}: {value:.4f}")
    print(f"wrote {model.path} ({model.path.stat().st_size / 1e6:.1f} MB, SHA-256 {model.sha256})")
