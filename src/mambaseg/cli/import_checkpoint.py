"""Make a model of a checkpoint of the networks' authors."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

__all__ = ["add_arguments", "run"]


def argument(text: str) -> tuple[str, Any]:
    """Parse "NAME=VALUE", the value as YAML."""
    import yaml

    name, separator, value = text.partition("=")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        separator = ""
    if not separator or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is no argument; write for example mixing=head")
    return name, parsed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    parser.add_argument("file", type=Path, help="weights: .pt, .pth, .ckpt, .bin or .safetensors")
    parser.add_argument("--network", help="the network that it fills (default: what its keys say)")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="the .safetensors file to write (default: among your own models)",
    )
    parser.add_argument("--name", help="what the model is called (default: as the file)")
    parser.add_argument(
        "--classes", nargs="+", metavar="NAME", help="names of its classes, background left out"
    )
    parser.add_argument(
        "--channels", nargs="+", metavar="NAME", help="names of its channels, in its order"
    )
    parser.add_argument(
        "--form", choices=["sigmoid", "softmax"], help="how its logits are read (default: authors')"
    )
    parser.add_argument(
        "--new-head",
        action="store_true",
        help="take another number of classes, with a head that is still to be trained",
    )
    parser.add_argument(
        "--argument",
        action="append",
        type=argument,
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the network that its weights do not tell, such as mixing=head",
    )


def run(arguments: argparse.Namespace) -> None:
    """Convert, write, and say what became of each weight."""
    from mambaseg.zoo import convert_checkpoint

    found = convert_checkpoint(
        arguments.file,
        network=arguments.network,
        name=arguments.name or (arguments.output.stem if arguments.output else None),
        channels=arguments.channels,
        labels=arguments.classes,
        output=arguments.form,
        new_head=arguments.new_head,
        arguments=dict(arguments.argument),
    )
    model = found.write(arguments.output)
    print(found)
    print(f"wrote {model.path}")
