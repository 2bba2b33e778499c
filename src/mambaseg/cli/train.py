"""Train a model, from a configuration file or by a paper's recipe on a folder of data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mambaseg.training.events import TrainingEvent
    from mambaseg.types.optimization import Budget
    from mambaseg.types.training_config import TrainingConfig

__all__ = ["add_arguments", "run"]

_OF_RECIPE = ("data", "small")
_OF_NEW = ("output", "folder", "name", "seed", "write_config")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    parser.add_argument("config", type=Path, nargs="?", help="a training configuration (YAML)")
    parser.add_argument("--recipe", help="a paper's recipe, such as segmamba, in place of CONFIG")
    parser.add_argument("--data", type=Path, help="the data set that the recipe is to learn from")
    parser.add_argument(
        "--small",
        action="store_true",
        help="with --recipe: a small network, for few cases or a machine without a GPU",
    )
    parser.add_argument("-o", "--output", type=Path, help="the .safetensors file to write")
    parser.add_argument(
        "--run",
        type=Path,
        dest="folder",
        help="folder of the run (default: OUTPUT with the suffix .run)",
    )
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with the training in this folder"
    )
    parser.add_argument("--steps", type=int, help="updates of the weights to spend at most")
    parser.add_argument("--epochs", type=float, help="passes through the data to spend at most")
    parser.add_argument("--minutes", type=float, help="minutes to spend at most")
    parser.add_argument("--at-once", type=int, help="samples that fit the device's memory at once")
    parser.add_argument("--name", help="of the model that comes out")
    parser.add_argument("--seed", type=int, help="of every random choice (default: as configured)")
    parser.add_argument(
        "--device", default="auto", help='"auto", "cpu", "cuda", "mps" (default: auto)'
    )
    parser.add_argument(
        "--write-config", type=Path, metavar="YAML", help="write the configuration and do no more"
    )


def run(arguments: argparse.Namespace) -> None:
    """Train, and print the scores on held-out data."""
    import logging

    from mambaseg.training import resume, train
    from mambaseg.types.errors import InvalidOptionError

    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)  # its hardware list and tips
    if arguments.at_once is not None and arguments.at_once < 1:
        raise InvalidOptionError("--at-once must be a positive number.")
    if arguments.resume is not None:
        if given := _given(arguments, "config", "recipe", *_OF_RECIPE, *_OF_NEW):
            raise InvalidOptionError(
                f"--resume goes on with a run as it was begun: give no {given} with it, but a new "
                "budget, --at-once or --device if you like."
            )
        model = resume(
            arguments.resume,
            budget=_budget(arguments),
            at_once=arguments.at_once,
            device=arguments.device,
            listen=_print,
        )
    else:
        config = _config(arguments)
        if arguments.write_config is not None:
            return _write(config, arguments.write_config)
        if arguments.output is None:
            raise InvalidOptionError("Name the model file to write with -o FILE.safetensors.")
        model = train(
            config,
            arguments.output,
            folder=arguments.config.parent if arguments.config else ".",
            run=arguments.folder,
            device=arguments.device,
            listen=_print,
        )
    for name, value in model.card.scores.items():
        print(f"{name}: {value:.4f}")
    print(f"wrote {model.path} ({model.path.stat().st_size / 1e6:.1f} MB, SHA-256 {model.sha256})")


def _given(arguments: argparse.Namespace, *names: str) -> str:
    """Name the first of some arguments that was given, as the shell writes it; "" if none was."""
    values = [(name, getattr(arguments, name)) for name in names]
    # A seed may be 0.
    first = next((name for name, value in values if value is not None and value is not False), "")
    shown = {"config": "configuration", "folder": "--run"}
    return first and shown.get(first, "--" + first.replace("_", "-"))


def _budget(arguments: argparse.Namespace) -> Budget | None:
    from mambaseg.types.errors import InvalidOptionError
    from mambaseg.types.optimization import Budget

    given = {name: getattr(arguments, name) for name in ("steps", "epochs", "minutes")}
    if not any(value is not None for value in given.values()):
        return None
    try:
        return Budget.model_validate(given)
    except ValueError as error:
        raise InvalidOptionError(
            "--steps, --epochs and --minutes must be positive numbers, and no huge ones."
        ) from error


def _config(arguments: argparse.Namespace) -> TrainingConfig:
    from mambaseg.training import list_recipes, read_config, recipe_config
    from mambaseg.types.errors import InvalidOptionError
    from mambaseg.types.training_config import TrainingConfig

    budget = _budget(arguments)
    if (arguments.config is None) == (arguments.recipe is None):
        raise InvalidOptionError(
            "Give a configuration file, or --recipe NAME with --data FOLDER; the recipes are "
            f"{', '.join(list_recipes())}."
        )
    if arguments.recipe is None:
        if given := _given(arguments, *_OF_RECIPE):
            raise InvalidOptionError(
                f"{given} goes with --recipe; what {arguments.config} trains, and on which data, "
                "stands in it: change it there."
            )
        config = read_config(arguments.config)
    elif arguments.data is None:
        raise InvalidOptionError("Name the data set that the recipe is to learn from with --data.")
    else:
        config = recipe_config(
            arguments.recipe, arguments.data, small=arguments.small, seed=arguments.seed or 0
        )
    content = config.model_dump()
    for name, value in (
        ("name", arguments.name),
        ("seed", arguments.seed),
        ("budget", budget and budget.model_dump()),
    ):
        if value is not None:
            content[name] = value
    if arguments.at_once is not None:
        content["batches"]["at_once"] = arguments.at_once
    return TrainingConfig.parse(content, "The command line")


def _write(config: TrainingConfig, path: Path) -> None:
    import yaml

    from mambaseg.files import write_whole

    content = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    with write_whole(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
    print(f"wrote {path}")


def _print(event: TrainingEvent) -> None:
    from mambaseg.training.events import dice_words, loss_words

    if event.event == "training started":
        recipe, batches = event.config.recipe, event.config.batches
        print(
            f"{'going on with' if event.resumed else 'training'} {recipe.network} of "
            f"{event.parameters / 1e6:.2f} million parameters: {len(event.training)} cases train, "
            f"{len(event.held_out)} are held out, {batches.size} samples in a batch"
            + (f"\n{event.memory}" if event.memory else ""),
            flush=True,
        )
    elif event.event == "progress" and event.dice:
        print(
            f"{_time(event.seconds)}: step {event.step}, {loss_words(event.loss)}, held-out Dice "
            f"{dice_words(event.dice)}, {_time(event.seconds_left)} left",
            flush=True,
        )
    elif event.event == "progress":
        print(
            f"{_time(event.seconds)}: step {event.step}, {loss_words(event.loss)}, "
            f"{_time(event.seconds_left)} left",
            end="\r",
            flush=True,
        )
    elif event.event == "finished":
        print(f"ended after {event.step} steps ({event.reason})", flush=True)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
