"""Training configurations: from a file, or from a paper's recipe and a data set."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from mambaseg.types.errors import InvalidConfigError
from mambaseg.types.training_config import TrainingConfig

__all__ = ["read_config"]


def read_config(path: str | os.PathLike[str]) -> TrainingConfig:
    """Read a training configuration from YAML.

    Raises
    ------
    InvalidConfigError
        If the file is missing, no YAML, or does not fit.
    """
    file = Path(path)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidConfigError(
            f"Cannot read {file}: {error.strerror}. Check the path."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InvalidConfigError(f"{file} is not YAML: {reason}. Mend it there.") from error
    return TrainingConfig.parse(content, str(file))
