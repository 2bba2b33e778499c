"""Which models are offered first: those that were found no worse than what they came from."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from mambaseg.files import write_whole
from mambaseg.types.errors import InvalidConfigError, InvalidOptionError, OutputError
from mambaseg.types.schema import VersionedSchema
from mambaseg.types.trained_model import TrainedModel
from mambaseg.zoo.registry import list_models, user_models_folder

__all__ = ["default_models", "defaults_first", "make_default", "roll_back"]

_logger = logging.getLogger(__name__)


class _History(VersionedSchema):
    """SHA-256 of the models that became the default, the newest last."""

    accepted: tuple[str, ...] = ()


def _file() -> Path:
    return user_models_folder().parent / "default_models.json"


def _read() -> _History:
    try:
        return _History.model_validate_json(_file().read_bytes())
    except FileNotFoundError:
        return _History()
    except (OSError, ValidationError) as error:
        raise InvalidConfigError(
            f"{_file()} does not say which models are the default in a way that this mambaseg "
            "reads: remove it to do without a default; no model is lost."
        ) from error


@contextmanager
def _changing() -> Iterator[None]:
    """Hold the lock that keeps two processes from changing the file at once."""
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{file}.lock").acquire(timeout=30)
    except OSError as error:  # a Timeout is one
        raise OutputError(
            f"Cannot write {file}: {error.strerror or error}. Make room or close what holds it, "
            "and try again."
        ) from error
    with lock:
        yield


def _write(accepted: Iterable[str]) -> None:
    with write_whole(_file()) as temporary:
        content = _History(accepted=tuple(accepted)).model_dump_json(indent=2)
        temporary.write_text(content + "\n", encoding="utf-8")


def default_models() -> list[TrainedModel]:
    """Models that became the default and are still there, the newest first.

    The first of them is the default: what is taken where nobody names a model.

    Raises
    ------
    InvalidConfigError
        If the file that names them is damaged, or of a newer version.
    """
    return _known(_read().accepted, list_models())


def defaults_first(models: Iterable[TrainedModel]) -> list[TrainedModel]:
    """Put models that became the default before the others, the newest first.

    Where it cannot be read which these are, the order stays, with a warning in the log.
    """
    given = list(models)
    try:
        first = _known(_read().accepted, given)
    except InvalidConfigError as error:
        _logger.warning("%s", error)
        return given
    known = {model.sha256 for model in first}
    return [*first, *(model for model in given if model.sha256 not in known)]


def make_default(model: TrainedModel) -> None:
    """Make one of the listed models the default.

    Raises
    ------
    OutputError
        If it cannot be written; the default stays as it was.
    InvalidConfigError
        As of `default_models`.
    """
    with _changing():
        _write([*(sha for sha in _read().accepted if sha != model.sha256), model.sha256])


def roll_back() -> tuple[TrainedModel, TrainedModel | None]:
    """Take the default back; the one before it is the default again. No model is removed.

    Returns
    -------
    TrainedModel, TrainedModel or None
        What was the default, and what is now; None: no model is.

    Raises
    ------
    InvalidOptionError
        If no model is the default.
    OutputError, InvalidConfigError
        As of `make_default`.
    """
    with _changing():
        before = _read().accepted
        known = _known(before, list_models())
        if not known:
            raise InvalidOptionError(
                "No model is the default, so there is nothing to go back from: a fine-tuned model "
                "becomes it when it is kept, if it is better than what it started from."
            )
        _write(before[: before.index(known[0].sha256)])
    return known[0], known[1] if len(known) > 1 else None


def _known(accepted: Iterable[str], models: Iterable[TrainedModel]) -> list[TrainedModel]:
    by_hash = {model.sha256: model for model in models}
    return [by_hash[sha] for sha in reversed(tuple(accepted)) if sha in by_hash]
