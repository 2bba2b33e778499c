"""A rotating log file with the tracebacks that users are spared."""

from __future__ import annotations

import logging
import re
import sysconfig
from logging.handlers import RotatingFileHandler
from pathlib import Path

__all__ = ["log_path", "open_log", "setup_log", "tail_without_names", "write_log"]

_logger = logging.getLogger("mambaseg")

_RECORD = re.compile(r"^([\d-]+ [\d:,]+ [A-Z]+) (Traceback \(most recent call last\):)?")
_FRAME = re.compile(r'^  File "(?P<path>.+)", (?P<rest>line \d+, in .+)$')
_ERROR = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Warning|Cancelled))(?::|$)")
_BETWEEN = ("During handling of the above", "The above exception was")

# Folders of code that is nobody's own: what it is called, and its lines, can be told.
_CODE = (
    Path(__file__).parent.parent,
    *(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "stdlib")),
)


def log_path() -> Path:
    """Where the log file lies."""
    from platformdirs import user_log_path

    return user_log_path("mambaseg", appauthor=False) / "mambaseg.log"


def open_log() -> None:
    """Write to the log file from now on, where that is possible."""
    if any(isinstance(handler, RotatingFileHandler) for handler in _logger.handlers):
        return
    logging.raiseExceptions = False  # a log that fails must not print a traceback of its own
    try:
        log_path().parent.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(log_path(), maxBytes=2**20, backupCount=3, encoding="utf-8")
    except OSError:
        return  # a home that cannot be written to must not keep anyone from segmenting
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _logger.addHandler(file)


def setup_log() -> None:
    """Show warnings on the screen, and open the log file where that is possible."""
    if _logger.handlers:
        return
    screen = logging.StreamHandler()
    screen.setFormatter(logging.Formatter("mambaseg: %(levelname)s: %(message)s"))
    screen.setLevel(logging.WARNING)
    screen.addFilter(lambda record: record.levelno < logging.ERROR)
    _logger.addHandler(screen)
    open_log()


def write_log(text: str) -> None:
    """Write a traceback to the log file alone."""
    _logger.error("%s", text)


def tail_without_names(n_lines: int = 60) -> list[str]:
    """Give the log's last lines, without what might name a file or a patient.

    Only what a program's code says is kept: when, which line of which module,
    and which kind of error; never an error's words, which may quote a file or a
    header.

    Parameters
    ----------
    n_lines : int
        How many lines to look at.

    Returns
    -------
    list of str
        Empty where there is no log.
    """
    try:
        lines = log_path().read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    told, module = [], ""
    for line in lines[-n_lines:]:
        frame, record, error = _FRAME.match(line), _RECORD.match(line), _ERROR.match(line)
        if not line.startswith("    "):
            module = _module(frame["path"]) if frame else ""
        elif module:  # its code, which stands below
            told.append(line)
        if frame:
            told.append(f'  File "{module or "elsewhere"}", {frame["rest"]}')
        elif record:
            told.append(f"{record[1]} {record[2] or '(words left out)'}")
        elif error:
            told.append(error[1])
        elif line.startswith(_BETWEEN):
            told.append(line)
    return told


def _module(path: str) -> str:
    """Tell a module of a library from the library on; "" for a user's own file."""
    for folder in _CODE:
        if Path(path).is_relative_to(folder):
            return Path(path).relative_to(folder).as_posix()
    return ""
