"""A rotating log file with the tracebacks that users are spared."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

__all__ = ["log_path", "setup_log", "write_log"]

_logger = logging.getLogger("mambaseg")


def log_path() -> Path:
    """Where the log file lies."""
    from platformdirs import user_log_path

    return user_log_path("mambaseg", appauthor=False) / "mambaseg.log"


def setup_log() -> None:
    """Show warnings on the screen, and open the log file where that is possible."""
    if _logger.handlers:
        return
    logging.raiseExceptions = False  # a log that fails must not print a traceback of its own
    screen = logging.StreamHandler()
    screen.setFormatter(logging.Formatter("mambaseg: %(levelname)s: %(message)s"))
    screen.setLevel(logging.WARNING)
    screen.addFilter(lambda record: record.levelno < logging.ERROR)
    _logger.addHandler(screen)
    try:
        log_path().parent.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(log_path(), maxBytes=2**20, backupCount=3, encoding="utf-8")
    except OSError:
        return  # a home that cannot be written to must not keep anyone from segmenting
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _logger.addHandler(file)


def write_log(text: str) -> None:
    """Write a traceback to the log file alone."""
    _logger.error("%s", text)
