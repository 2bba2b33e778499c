"""Entry point of the shell, and what it does with errors.

Exit codes: 0 all went well; 1 an unexpected fault, whose traceback is in the log
file; 2 something in the input or the arguments, said in one sentence; 130
stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence

from mambaseg import __version__
from mambaseg.cli.streams import patient_streams
from mambaseg.log import log_path, setup_log, write_log
from mambaseg.types.errors import MambasegError

__all__ = ["main"]

# Each is a module of this package with a docstring for the help, `add_arguments(parser)` and
# `run(arguments)`. They import torch and the like only when run, so that help is instant.
_COMMANDS = (
    "segment",
    "export",
    "corrections",
    "finetune",
    "evaluate",
    "train",
    "data",
    "models",
    "bench",
    "import-checkpoint",
    "info",
    "demo",
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mambaseg",
        description="Segment medical videos, images and volumes with state-space (Mamba) networks. "
        "Not for clinical use.",
    )
    parser.add_argument("--version", action="version", version=f"mambaseg {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in _COMMANDS:
        module = importlib.import_module(f"mambaseg.cli.{name.replace('-', '_')}")
        summary = (module.__doc__ or "").strip().splitlines()[0]
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
        command.add_argument("--debug", action="store_true", help="show tracebacks of errors")
        command.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit code."""
    with patient_streams():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    debug = False
    setup_log()
    # Threads that spin while they wait slow a busy machine down twentyfold. Read as torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if threading.current_thread() is threading.main_thread():
        # So that a job that is ended from outside still clears its temporary files away.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        arguments = _parser().parse_args(argv)
        debug = arguments.debug
        arguments.run(arguments)
        if sys.stdout is not None:  # None where there is no console
            sys.stdout.flush()
    except KeyboardInterrupt:
        _say("stopped")
        return 130
    except MambasegError as error:
        _keep_traceback(debug)
        _say(f"error: {error}")
        return 2
    except Exception as error:
        _keep_traceback(debug)
        _say(
            f"unexpected {type(error).__name__}: {error}. This is a fault in mambaseg; please "
            f"report it with {log_path()}, or with what --debug shows."
        )
        return 1
    return 0


def _say(text: str) -> None:
    if sys.stderr is not None:  # None where there is no console
        print(f"mambaseg: {text}", file=sys.stderr)


def _keep_traceback(show: bool) -> None:
    write_log(traceback.format_exc())
    if show:
        traceback.print_exc()
