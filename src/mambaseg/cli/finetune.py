"""Fine-tune a model on verified frames or another data set, within a budget."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mambaseg.training.events import RunEvent

__all__ = ["add_arguments", "run"]


def _held_out(text: str) -> dict[str, tuple[int, ...]]:
    """Parse "CASE:3,4" as frames of a case, and "none" as none at all."""
    if text == "none":
        return {}
    case, _, frames = text.rpartition(":")
    if not case or not re.fullmatch(r"\d+(,\d+)*", frames):
        raise argparse.ArgumentTypeError(f"{text!r} names no frames; write CASE:40,41 or none")
    return {case: tuple(int(frame) for frame in frames.split(","))}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    parser.add_argument("model", help="a name from `mambaseg models`, or a .safetensors file")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="what to learn from: a store of corrections, or a data set of any layout that "
        "`mambaseg data check` knows",
    )
    parser.add_argument(
        "--run",
        type=Path,
        required=True,
        dest="folder",
        help="folder of the run; one that was cut off goes on",
    )
    parser.add_argument(
        "--minutes", type=float, help="time for the whole run (default: 4, without other budgets)"
    )
    parser.add_argument("--steps", type=int, help="updates of the weights to spend at most")
    parser.add_argument("--epochs", type=float, help="passes through the data to spend at most")
    parser.add_argument(
        "--trains",
        choices=["all", "decoder"],
        default="all",
        help="what is changed: all weights, or the decoder alone (default: all)",
    )
    parser.add_argument(
        "--layer-decay",
        type=float,
        default=1.0,
        metavar="PART",
        help="rate of each level of the encoder, as a part of the next deeper one's (default: 1)",
    )
    parser.add_argument(
        "--replay",
        type=float,
        default=0.0,
        metavar="PART",
        help="part of the samples that are unlabelled frames with what MODEL is sure of on them "
        "(default: 0)",
    )
    parser.add_argument(
        "--held-out",
        nargs="+",
        type=_held_out,
        metavar="CASE:FRAMES",
        help='verified frames that only measure, for example "clip_1a2b:40,41", or "none" '
        "(default: whole recordings, or a contiguous fifth, apart from the others)",
    )
    parser.add_argument("--name", help="of the model that comes out")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice (default: 0)")
    parser.add_argument(
        "--device", default="auto", help='"auto", "cpu", "cuda", "mps" (default: auto)'
    )
    parser.add_argument("--report", type=Path, help="write a record of the run to this JSON file")


def run(arguments: argparse.Namespace) -> None:
    """Fine-tune, and print the scores before and after."""
    import json
    import logging

    from mambaseg.files import check_writable_file, write_whole
    from mambaseg.training import finetune
    from mambaseg.types.finetuning_config import FineTuningConfig

    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)  # its hardware list and tips
    held_out: dict[str, tuple[int, ...]] | None = None
    for chosen in arguments.held_out or ():
        held_out = {**(held_out or {}), **chosen}
    given = {name: getattr(arguments, name) for name in ("minutes", "steps", "epochs")}
    budget = {name: value for name, value in given.items() if value is not None}
    config = FineTuningConfig.parse(
        {
            "model": arguments.model,
            "data": str(arguments.data),
            "budget": budget or {"minutes": 4},
            "trains": arguments.trains,
            "layer_decay": arguments.layer_decay,
            "replay": arguments.replay,
            "held_out": held_out,
            "name": arguments.name,
            "seed": arguments.seed,
        },
        "The command line",
    )
    if arguments.report is not None:
        check_writable_file(arguments.report)
    finished = finetune(config, arguments.folder, device=arguments.device, listen=_print)
    print(f"mambaseg models --keep {arguments.folder} adds it to your models")
    if arguments.report is not None:
        record = {
            "format_version": 1,
            "config": config.model_dump(mode="json"),
            **finished.model_dump(mode="json"),
        }
        with write_whole(arguments.report) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {arguments.report}")


def _print(event: RunEvent) -> None:
    from mambaseg.training.events import dice_words, loss_words

    if event.event == "started":
        split = event.split
        print(
            f"{'going on' if event.resumed else 'starting'} from {event.parent}: "
            f"{split.n_training} {event.unit} train, {split.n_held_out} are held out"
        )
        for note in event.notes:
            print(f"note: {note}")
    elif event.event == "progress" and event.dice:
        print(
            f"{event.seconds:.0f} s: step {event.step}, {loss_words(event.loss)}, held-out Dice "
            f"{dice_words(event.dice)}, {event.seconds_left:.0f} s left"
        )
    elif event.event == "finished":
        for title, dice in (("before", event.before), ("after", event.after)):
            if dice:
                print(f"{title}: mean held-out Dice {dice_words(dice)}")
        for change in event.changes:
            if change.change_interval is not None:
                low, high = change.change_interval
                print(
                    f"{change.class_name}: {change.after - change.before:+.3f} (95 % interval "
                    f"{low:+.3f} to {high:+.3f}, over {change.n} {change.of})"
                )
        if event.improved is False:
            print("note: it did not rise, so the model holds the weights that it started from")
        print(f"wrote {event.model} (SHA-256 {event.sha256})")
