"""Training configurations: from a file, or from a paper's recipe and a data set."""

from __future__ import annotations

import os

from mambaseg.types.training_config import TrainingConfig

__all__ = ["read_config"]


def read_config(path: str | os.PathLike[str]) -> TrainingConfig:
    """Read a training configuration from YAML.

    Raises
    ------
    InvalidConfigError
        If the file is missing, no YAML, or does not fit.
    """
    return TrainingConfig.read(path)
